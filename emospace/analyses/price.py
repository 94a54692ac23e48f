"""Price of a protocol: the score of each system under each of its protocols, and what differs from its clean one."""

from pathlib import Path

from emospace.analyses._options import check_metric
from emospace.core import records

JOINT = True
OUTPUTS = ("price.csv", "price.svg")
ENVIRONMENT = "report"
PACKAGES = ("numpy", "matplotlib")
SCORE, DIFFERENCE = ("value", "lo", "hi", "n"), ("difference", "difference_lo", "difference_hi", "n_shared")
COLUMNS = ["system", "column", "run", "leaks", "seeds", *SCORE, *DIFFERENCE]


def analyse(
    run,
    out: Path,
    *,
    seed: int,
    metric: str = "UA",
    columns: dict[str, str] = {},  # noqa: B006, never changed
    systems: dict[str, str] = {},  # noqa: B006, never changed
) -> dict:
    """Write price.csv and draw it in price.svg: a line per run, grouped by system; return the same lines as facts.

    metric: a metric of the config's tables. columns: run -> title of its protocol; systems: run -> name of its system;
    planning completes both. A system's first run on a protocol that is not leaky is its clean one. The difference from
    it is paired, on the rows that both test; without rows in common, or without a clean run, it is empty.
    """
    groups: dict[str, list] = {}
    for one in run:
        groups.setdefault(systems.get(one.name, one.name), []).append(one)
    lines = []
    for system, runs in groups.items():
        clean = next((one for one in runs if not one.leaky), None)
        for one in runs:
            lines.append({"system": system, "column": columns.get(one.name, one.protocol)} | _line(one, clean, metric))
    records.write(out / OUTPUTS[0], COLUMNS, map(_cells, lines))
    (out / OUTPUTS[1]).write_text(_drawn(lines, metric), encoding="utf-8")
    return {"metric": metric, "lines": lines}


def check_analyse(*, metric: str, **others) -> None:
    """Raise InputError for a metric that does not exist."""
    check_metric(metric)


def _line(run, clean, metric: str) -> dict:
    measured = run.measured(run.predictions.probabilities, metric)
    line = {"run": run.name, "leaks": list(run.leaks), "seeds": len(run.seeds)}
    line |= {key: measured[key] for key in SCORE[:3]} | {"n": len(run.truth.rows)}
    compared = dict.fromkeys(("difference", "lo", "hi", "n")) if clean in (None, run) else run.compared(clean, metric)
    return line | dict(zip(DIFFERENCE, (compared[key] for key in ("difference", "lo", "hi", "n")), strict=True))


def _cells(line: dict) -> dict:
    cells = {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in line.items()}
    return cells | {"leaks": " ".join(line["leaks"])}


def _drawn(lines: list[dict], metric: str) -> str:
    """Draw a row per system and a mark with its interval per column, as SVG; the same lines give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    from emospace.evaluation.figures import STYLE, colours, plain_svg

    systems = list(dict.fromkeys(line["system"] for line in lines))
    palette = colours(list(dict.fromkeys(line["column"] for line in lines)))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 0.8 + 0.42 * len(systems)))
        axes = figure.add_subplot()
        for number, (column, colour) in enumerate(palette.items()):
            own = [line for line in lines if line["column"] == column and line["value"] is not None]
            places = [systems.index(line["system"]) + 0.22 * (number - (len(palette) - 1) / 2) for line in own]
            axes.plot([line["value"] for line in own], places, "o", color=colour, label=column, markersize=4)
            for line, place in zip(own, places, strict=True):
                if line["lo"] is not None:
                    axes.plot([line["lo"], line["hi"]], [place, place], color=colour, linewidth=1)
        axes.set(yticks=range(len(systems)), yticklabels=systems, xlabel=metric)
        axes.invert_yaxis()
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return plain_svg(figure)
