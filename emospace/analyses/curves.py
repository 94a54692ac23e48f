"""Training curves: loss and accuracy by epoch, one line per training."""

from pathlib import Path

from emospace.core.errors import InputError
from emospace.runs.run_files import read_history

OUTPUTS = ("loss.svg", "accuracy.svg")
ENVIRONMENT = "report"
PACKAGES = ("numpy", "matplotlib")
CURVES = {"loss.svg": ("loss", "dev_loss"), "accuracy.svg": ("accuracy", "dev_accuracy", "dev_ua")}


def analyse(run, out: Path, *, seed: int) -> dict:
    """Draw the columns of CURVES that the histories contain: train dashed, dev solid.

    Raises InputError for a run without a history.
    """
    histories = {training.folder.name: read_history(training.folder) for training in run.trainings}
    if not all(histories.values()):
        raise InputError(run.name, "its model records no history", "leave it out of the runs of this analysis")
    for file, names in CURVES.items():
        (out / file).write_text(_drawn(histories, names, file.removesuffix(".svg")), encoding="utf-8")
    return {"trainings": len(histories), "epochs": max(map(len, histories.values()))}


def _drawn(histories: dict[str, list[dict]], names: tuple[str, ...], label: str) -> str:
    """Draw a figure as SVG; the same histories give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    from emospace.evaluation.figures import COLOURS, plain_svg

    with matplotlib.rc_context({"svg.hashsalt": "emospace", "font.size": 9}):
        figure = Figure(figsize=(4.4, 3.2))
        axes = figure.add_subplot()
        for number, (training, history) in enumerate(histories.items()):
            axis = next(iter(history[0]))
            for name in names:
                if name in history[0]:
                    style = {"color": COLOURS[number % len(COLOURS)], "linestyle": "-" if "dev" in name else "--"}
                    points = [line[axis] for line in history], [line[name] for line in history]
                    axes.plot(*points, label=f"{training} {name}", linewidth=1, **style)
        axes.set(xlabel=axis, ylabel=label)
        if len(histories) == 1 and axes.lines:
            axes.legend()
        return plain_svg(figure)
