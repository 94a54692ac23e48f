"""Training curves: loss and accuracy by epoch, one line per training."""

from pathlib import Path

from emospace.core.errors import InputError
from emospace.runs.run_files import read_history

OUTPUTS = ("loss.svg", "accuracy.svg")
ENVIRONMENT = "report"
PACKAGES = ("numpy", "matplotlib")
# Column -> line style: dashed for train, solid for dev, other styles for gender and for copies of dev rows.
LOSSES = {"loss": "--", "dev_loss": "-"}
ACCURACIES = {"accuracy": "--", "dev_accuracy": "-", "dev_ua": "-", "dev_gender_accuracy": "-."}
ACCURACIES |= {"dev_accuracy_copy": ":", "dev_gender_accuracy_copy": (0, (1, 3))}
CURVES = {"loss.svg": LOSSES, "accuracy.svg": ACCURACIES}


def analyse(run, out: Path, *, seed: int) -> dict:
    """Draw the columns of CURVES that the histories contain.

    Raises InputError for a run without a history.
    """
    histories = {training.folder.name: read_history(training.folder) for training in run.trainings}
    if not all(histories.values()):
        raise InputError(run.name, "its model records no history", "leave it out of the runs of this analysis")
    for file, names in CURVES.items():
        (out / file).write_text(_drawn(histories, names, file.removesuffix(".svg")), encoding="utf-8")
    return {"trainings": len(histories), "epochs": max(map(len, histories.values()))}


def _drawn(histories: dict[str, list[dict]], styles: dict, label: str) -> str:
    """Draw a figure as SVG; the same histories give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    from emospace.evaluation.figures import COLOURS, plain_svg

    with matplotlib.rc_context({"svg.hashsalt": "emospace", "font.size": 9}):
        figure = Figure(figsize=(4.4, 3.2))
        axes = figure.add_subplot()
        for number, (training, history) in enumerate(histories.items()):
            axis = next(iter(history[0]))
            for name, linestyle in styles.items():
                if name in history[0]:
                    style = {"color": COLOURS[number % len(COLOURS)], "linestyle": linestyle}
                    points = [line[axis] for line in history], [line[name] for line in history]
                    axes.plot(*points, label=f"{training} {name}", linewidth=1, **style)
        axes.set(xlabel=axis, ylabel=label)
        if len(histories) == 1 and axes.lines:
            axes.legend()
        return plain_svg(figure)
