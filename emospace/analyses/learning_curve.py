"""Learning curve: the score of each system against its number of train rows, and the difference from a linear probe."""

from itertools import groupby
from pathlib import Path

from emospace.core import plugin, records
from emospace.core.errors import InputError
from emospace.evaluation import measures
from emospace.evaluation.draws import pooled
from emospace.evaluation.result import cell

JOINT = True
OUTPUTS = ("learning_curve.csv", "draws.csv", "learning_curve.svg")
ENVIRONMENT = "report"
PACKAGES = ("numpy", "matplotlib")
ENDS = ("difference", "difference_lo", "difference_hi")
COLUMNS = ["system", "train_rows", "draws", "seeds", "value", "lo", "hi", "versus", *ENDS, "n"]
OF_DRAW = ["system", "train_rows", "draw", "run", "seeds", "value", "versus", "difference"]


def analyse(run, out: Path, *, seed: int, metric: str = "UA", versus: str = "", systems: dict[str, str] = {}) -> dict:  # noqa: B006, never changed
    """Write a line per system and number of train rows, one per draw, and a picture.

    metric: a metric of the config's tables. systems: run -> name of its system; planning completes it. versus: the
    system that others are compared with; by default that of the first linear probe, else the first. Runs of a system
    with the same `train_rows` are its draws; a run on all rows counts the largest train side of its folds. Values are
    means over draws; intervals are those of emospace/evaluation/draws.py. Raises InputError if the runs test different
    rows, if draws of a system differ in their seeds, or if a system has two runs on the same draw.
    """
    _refuse_other_rows(run)
    named = {one.name: systems.get(one.name, one.name) for one in run}
    probes = [named[one.name] for one in run if one.model == "linear_probe"]
    versus = versus or [*probes, *named.values()][0]
    if versus not in named.values():
        raise InputError("versus", f"there is no system {versus!r}", plugin.suggest(versus, sorted({*named.values()})))
    points, sums = _points(run, named), {one.name: _sums(one, metric) for one in run}
    about = {"points": points, "sums": sums, "metric": metric, "seed": seed}
    lines = [_line(system, rows, versus, **about) for system, rows in points]
    records.write(out / OUTPUTS[0], COLUMNS, map(_cells, lines))
    of_draws = [one for system, rows in points for one in _of_draws(system, rows, versus, points, sums, metric)]
    records.write(out / OUTPUTS[1], OF_DRAW, map(_cells, of_draws))
    (out / OUTPUTS[2]).write_text(_drawn(lines, metric), encoding="utf-8")
    return {"metric": metric, "versus": versus}


def check_analyse(*, metric: str, **others) -> None:
    """Raise InputError for a metric that does not exist."""
    if metric not in plugin.names("metrics"):
        raise InputError("metric", f"there is no metric {metric!r}", plugin.suggest(metric, plugin.names("metrics")))


def _refuse_other_rows(runs) -> None:
    first, *others = ([(row.utterance, row.label) for row in one.truth.rows] for one in runs)
    for one, rows in zip(runs[1:], others, strict=True):
        if rows != first:
            reason = f"{one.name} and {runs[0].name} test different rows, or with different labels"
            raise InputError("runs", reason, "give protocols that differ in `train_rows` and `draw` only")


def _points(runs, named: dict[str, str]) -> dict[tuple[str, int], dict[int, object]]:
    """(system, number of train rows) -> draw -> its run; 0 for a run on all train rows."""
    placed = []
    for one in runs:
        rows, draw = one.draw or (max(sides["train"] for sides in one.sizes().values()), 0)
        placed.append((list(dict.fromkeys(named.values())).index(named[one.name]), rows, draw, one))
    placed.sort(key=lambda place: place[:3])
    points = {}
    for _, group in groupby(placed, key=lambda place: place[:2]):
        members = list(group)
        draws = {draw: one for *_, draw, one in members}
        system, first = named[members[0][-1].name], members[0][-1].name
        if len(draws) < len(members) or len({len(one.seeds) for one in draws.values()}) > 1:
            reason = (
                f"runs of {system!r} on {members[0][1]} rows repeat a draw or differ in their seeds, such as {first}"
            )
            raise InputError("runs", reason, "name one run per draw, all with the same number of seeds")
        points[system, members[0][1]] = draws
    return points


def _sums(run, metric: str):
    """Sums of the metric's statistics, (seeds, clusters, S)."""
    groups = {"": run.truth.clusters.member}
    return measures.tables(run.truth, run.predictions, [metric], groups)[""][metric]


def _line(system: str, rows: int, versus: str, points: dict, sums: dict, metric: str, seed: int) -> dict:
    module, value = plugin.find("metrics", metric), measures.value(metric)
    own = points[system, rows]
    score = cell(pooled(value, [sums[one.name] for one in own.values()], seed=seed), module.LOWEST, module.HIGHEST)
    first = next(iter(own.values()))
    line = {
        "system": system,
        "train_rows": rows,
        "draws": len(own),
        "seeds": len(first.seeds),
        "n": len(first.truth.rows),
    }
    line |= {key: score[key] for key in ("value", "lo", "hi")} | dict.fromkeys(("versus", *ENDS))
    both = _shared(system, rows, versus, points)
    if not both:
        return line
    sides = ([sums[side[draw].name] for draw in both] for side in (own, points[versus, rows]))
    width = module.HIGHEST - module.LOWEST
    result = cell(pooled(value, *sides, seed=seed), -width, width)
    return line | {"versus": versus} | dict(zip(ENDS, (result[key] for key in ("value", "lo", "hi")), strict=True))


def _shared(system: str, rows: int, versus: str, points: dict) -> list[int]:
    """The draws that both systems learn from; none for the system that others are compared with."""
    return [] if system == versus else sorted(points[system, rows].keys() & points.get((versus, rows), {}).keys())


def _of_draws(system: str, rows: int, versus: str, points: dict, sums: dict, metric: str):
    """Yield the score of each draw, and its difference, without intervals."""
    shared, value = _shared(system, rows, versus, points), measures.value(metric)
    for draw, one in points[system, rows].items():
        score = float(value(sums[one.name].sum(1)).mean())
        line = {"system": system, "train_rows": rows, "draw": draw or "all", "run": one.name, "seeds": len(one.seeds)}
        line |= {"value": score, "versus": None, "difference": None}
        if draw in shared:
            other = points[versus, rows][draw].name
            line |= {"versus": versus, "difference": score - float(value(sums[other].sum(1)).mean())}
        yield line


def _cells(line: dict) -> dict:
    return {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in line.items()}


def _drawn(lines: list[dict], metric: str) -> str:
    """Draw a curve with intervals per system, as SVG; the same lines give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    from emospace.evaluation.figures import STYLE, colours, plain_svg

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 3.2))
        axes = figure.add_subplot()
        for system, colour in colours(list(dict.fromkeys(line["system"] for line in lines))).items():
            own = [line for line in lines if line["system"] == system and line["value"] is not None]
            places = [line["train_rows"] for line in own]
            axes.plot(places, [line["value"] for line in own], "o-", color=colour, label=system, markersize=4)
            for line, place in zip(own, places, strict=True):
                if line["lo"] is not None:
                    axes.plot([place, place], [line["lo"], line["hi"]], color=colour, linewidth=1)
        ticks = sorted({line["train_rows"] for line in lines})
        axes.set(xscale="log", xlabel="train rows per fold", ylabel=metric)
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return plain_svg(figure)
