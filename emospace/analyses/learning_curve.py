"""Learning curve: the score of each system against its number of train rows, and the difference from a linear probe."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emospace.analyses._options import check_metric
from emospace.core import plugin, records
from emospace.core.errors import InputError

if TYPE_CHECKING:
    from emospace.evaluation.intervals import Estimate

JOINT = True
OUTPUTS = ("learning_curve.csv", "draws.csv", "learning_curve.svg")
ENVIRONMENT = "report"
PACKAGES = ("numpy", "matplotlib")
KEYS = ("value", "lo", "hi")
ENDS = ("difference", "difference_lo", "difference_hi")
COLUMNS = ["system", "train_rows", "draws", "seeds", "value", "lo", "hi", "versus", *ENDS, "n"]
OF_DRAW = ["system", "train_rows", "draw", "run", "seeds", "value", "versus", "difference"]


def analyse(
    run,
    out: Path,
    *,
    seed: int,
    metric: str = "UA",
    versus: str | dict[str, str] = "",
    systems: dict[str, str] = {},  # noqa: B006, never changed
) -> dict:
    """Write a line per system and number of train rows, a line per draw, and a picture.

    metric: a metric of the config's tables. systems: run -> name of its system; planning completes it. versus: the
    system that others are compared with, by default that of the first linear probe, else the first; or a mapping from
    each system to compare to its own rival. Runs of a system with the same `train_rows` are its draws; a run on all
    rows counts the largest train side of its folds. Values are means over draws; emospace/evaluation/draws.py gives the
    intervals. Raises InputError if the runs test different rows, if draws of a system differ in their seeds, or if a
    system has two runs on the same draw.
    """
    _refuse_other_rows(run)
    named = {one.name: systems.get(one.name, one.name) for one in run}
    probes = [named[one.name] for one in run if one.model == "linear_probe"]
    versus = versus or [*probes, *named.values()][0]
    rivals = _rivals(versus, list(dict.fromkeys(named.values())))
    curve = Curve(metric, rivals, seed, _points(run, named), {one.name: _sums(one, metric) for one in run})
    lines = [curve.line(*point) for point in curve.points]
    records.write(out / OUTPUTS[0], COLUMNS, map(_cells, lines))
    records.write(out / OUTPUTS[1], OF_DRAW, (_cells(one) for point in curve.points for one in curve.draws(*point)))
    (out / OUTPUTS[2]).write_text(_drawn(lines, metric), encoding="utf-8")
    return {"metric": metric, "versus": versus}


def check_analyse(*, metric: str, **others) -> None:
    """Raise InputError for a metric that does not exist."""
    check_metric(metric)


def _rivals(versus: str | dict[str, str], systems: list[str]) -> dict[str, str]:
    """System -> the system that it is compared with."""
    rivals = versus if isinstance(versus, dict) else dict.fromkeys(systems, versus)
    for name in (*rivals, *rivals.values()):
        if name not in systems:
            raise InputError("versus", f"there is no system {name!r}", plugin.suggest(name, sorted(systems)))
    return {system: other for system, other in rivals.items() if system != other}


def _refuse_other_rows(runs) -> None:
    first, *others = ([(row.utterance, row.label) for row in one.truth.rows] for one in runs)
    for one, rows in zip(runs[1:], others, strict=True):
        if rows != first:
            reason = f"{one.name} and {runs[0].name} test different rows, or with different labels"
            raise InputError("runs", reason, "give protocols that differ in `train_rows` and `draw` only")


@dataclass(frozen=True)
class Curve:
    """All scores of an analysis.

    rivals: system -> the system that it is compared with, if any. points: (system, train rows) -> draw -> its run, 0
    for all rows. sums: run -> sums of the metric's statistics.
    """

    metric: str
    rivals: dict[str, str]
    seed: int
    points: dict[tuple[str, int], dict[int, object]]
    sums: dict[str, np.ndarray]

    def line(self, system: str, rows: int) -> dict:
        """A point of the curve: mean over draws with interval, and the paired difference."""
        from emospace.evaluation.result import cell

        module, own = plugin.find("metrics", self.metric), self.points[system, rows]
        first, width = next(iter(own.values())), module.HIGHEST - module.LOWEST
        line = {"system": system, "train_rows": rows, "draws": len(own), "seeds": len(first.seeds)}
        score = cell(self._pooled(own.values()), module.LOWEST, module.HIGHEST)
        line |= {key: score[key] for key in KEYS} | {"n": len(first.truth.rows)} | dict.fromkeys(("versus", *ENDS))
        if both := self._shared(system, rows):
            others = self.points[self.rivals[system], rows]
            result = cell(self._pooled([own[k] for k in both], [others[k] for k in both]), -width, width)
            line |= {"versus": self.rivals[system]} | dict(zip(ENDS, (result[key] for key in KEYS), strict=True))
        return line

    def draws(self, system: str, rows: int) -> Iterator[dict]:
        """The score of each draw, and its difference, without intervals."""
        shared = self._shared(system, rows)
        for draw, one in self.points[system, rows].items():
            line = {"system": system, "train_rows": rows, "draw": draw or "all", "run": one.name}
            line |= {"seeds": len(one.seeds), "value": self._value(one), "versus": None, "difference": None}
            if draw in shared:
                other = self.points[self.rivals[system], rows][draw]
                line |= {"versus": self.rivals[system], "difference": line["value"] - self._value(other)}
            yield line

    def _shared(self, system: str, rows: int) -> list[int]:
        """The draws that a system and its rival learn from."""
        others = self.points.get((self.rivals.get(system), rows), {})
        return sorted(self.points[system, rows].keys() & others.keys())

    def _pooled(self, *sides: Iterable) -> "Estimate":
        from emospace.evaluation import measures
        from emospace.evaluation.draws import pooled

        sums = ([self.sums[one.name] for one in runs] for runs in sides)
        return pooled(measures.value(self.metric), *sums, seed=self.seed)

    def _value(self, run) -> float:
        from emospace.evaluation import measures

        return float(measures.value(self.metric)(self.sums[run.name].sum(1)).mean())


def _points(runs, named: dict[str, str]) -> dict[tuple[str, int], dict[int, object]]:
    """(system, train rows) -> draw -> its run; systems in the order of the config, rows and draws ascending."""
    points: dict[tuple[str, int], dict[int, object]] = {}
    order = list(dict.fromkeys(named.values()))
    for one in runs:
        rows, draw = one.draw or (max(sides["train"] for sides in one.sizes().values()), 0)
        own = points.setdefault((named[one.name], rows), {})
        if draw in own or any(len(other.seeds) != len(one.seeds) for other in own.values()):
            reason = f"{one.name}, a run of {named[one.name]!r} on {rows} rows, repeats a draw or has other seeds"
            raise InputError("runs", reason, "name one run per draw, all with the same number of seeds")
        own[draw] = one
    ascending = sorted(points, key=lambda point: (order.index(point[0]), point[1]))
    return {point: dict(sorted(points[point].items())) for point in ascending}


def _sums(run, metric: str) -> np.ndarray:
    """Sums of the metric's statistics, (seeds, clusters, S)."""
    from emospace.evaluation import measures

    groups = {"": run.truth.clusters.member}
    return measures.tables(run.truth, run.predictions, [metric], groups)[""][metric]


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
