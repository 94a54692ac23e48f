"""Results as plain text: one table of all runs, and for each run what a classification report says."""

from collections.abc import Sequence

import numpy as np

from emospace.core import plugin
from emospace.evaluation.intervals import FEW, method
from emospace.evaluation.metrics._confusion import f1_scores, precisions, recalls

UNITS = "percent; docs/statistics.md says how intervals and p-values are made"
NO_NOISE = "training noise not included"
ONE_SEED = f"{NO_NOISE}: one seed of a model that depends on it, so intervals are too narrow and there is no p"
LEAKY = "leaky: training knew something of the test rows, so this says nothing of new ones"
RANDOM = "random weights: an encoder was not pretrained, so its features mean little"

IN_SAMPLE = "in-sample inputs: a first stage had learnt from the train rows whose outputs the second stage learnt from"


def marks(row: dict) -> str:
    """`*` leaky, `~` random weights, `^` training noise not included, `+` in-sample inputs; `table` explains them."""
    alone = row["run"] in row["training_noise_not_included"].split()
    return "*" * bool(row["leaky"]) + "~" * bool(row["random_weights"]) + "^" * alone + "+" * bool(row["in_sample"])


def metrics_of(row: dict) -> list[str]:
    """The metrics that summary.csv has, in its order."""
    return [name for name in row if f"{name}_lo" in row and not name.endswith("_gain")]


def gain_of(row: dict) -> str:
    """The column of the gain over the baseline, such as UA_gain: that of the metric that runs are compared by."""
    return next(name.removesuffix("_lo") for name in row if name.endswith("_gain_lo"))


def title(name: str) -> str:
    """What tables call a metric."""
    return plugin.find("metrics", name).TITLE


def gain_title(name: str) -> str:
    """What tables call its difference to the baseline."""
    if plugin.find("metrics", name).LOWER_IS_BETTER:
        return f"change in {title(name)} (less is better)"
    return f"gain in {title(name)}"


def shown(name: str, value: float | None) -> str:
    """A value of a metric: percent with one digit, or a number with three; a dash where it is undefined."""
    return percent(value) if missing(value) or in_percent(name) else f"{value:.3f}"


def in_percent(name: str) -> bool:
    """Do tables print a metric as percent?"""
    return plugin.find("metrics", name).PERCENT


def span(name: str, row: dict) -> str:
    """The ends of a metric's interval, "" where there is none."""
    ends = row[f"{name}_lo"], row[f"{name}_hi"]
    return "" if missing(ends[0]) else " to ".join(shown(name, end) for end in ends)


def percent(value: float | None) -> str:
    """A share as percent with one digit; a dash where it is undefined."""
    return "-" if missing(value) or np.isnan(value) else f"{100 * value:.1f}"


def missing(value) -> bool:
    """Is a cell of summary.csv empty?"""
    return value is None or value == ""


def p_text(p: float | None, at_most: bool, sign: str = "<=") -> str:
    """A p-value with three digits. at_most: it is the smallest that the draws can give."""
    if missing(p):
        return "-"
    if at_most:
        return f"{sign}{min(1.0, np.ceil(1000 * p) / 1000):.3f}"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def behind(row: dict) -> str:
    """Seeds and clusters that a comparison rests on: "seeds 3 and 1, 5 sessions"; across protocols, the rows too."""
    found = f"seeds {row['seeds']} and {row['baseline_seeds']}, {clusters(row)}"
    if across(row):
        found += f", the {row['compared_n']} rows that {row['compared_protocol']} tests too"
    return found


def across(row: dict) -> bool:
    """Is a run compared with one of another protocol?"""
    return not missing(row["compared_protocol"]) and row["compared_protocol"] != row["protocol"]


def clusters(row: dict) -> str:
    """How many clusters a comparison rests on."""
    count = row["compared_clusters"]
    return f"{count} {row['cluster_unit']}{'s' if count != 1 else ''}"


def corrected(rows: Sequence[dict]) -> str:
    """Over how many comparisons Holm's p is corrected."""
    number = sum(not missing(row[f"{gain_of(row)}_p_holm"]) for row in rows)
    return f"p (Holm): corrected for the {number} comparison{'s' if number != 1 else ''} of this table that have a p"


def no_p(row: dict) -> str:
    """Why a comparison has no p; empty where it has one."""
    gain = gain_of(row)
    if not missing(row[f"{gain}_p"]):
        return ""
    if missing(row[gain]):
        return f"no p: {title(gain.removesuffix('_gain'))} is undefined"
    if row["training_noise_not_included"]:
        return f"no p: {NO_NOISE}"
    few = not method(row["compared_clusters"])
    return f"no p: fewer than {FEW} clusters" if few else "no p: all clusters agree"


def _scored(row: dict, name: str) -> str:
    """A metric with its interval, where there is one."""
    between = f" [{shown(name, row[f'{name}_lo'])}, {shown(name, row[f'{name}_hi'])}]"
    return shown(name, row[name]) + between * (not missing(row[f"{name}_lo"]))


def left_out(codes: dict[str, dict]) -> str:
    """How many rows had labels that the label map leaves out; codes: code -> its name and rows."""
    often = sorted(codes.values(), key=lambda about: -about["rows"])
    counts = ", ".join(f"{about['name']} {about['rows']}" for about in often)
    return f"{sum(about['rows'] for about in often)} left out: {counts}"


def table(rows: Sequence[dict]) -> str:
    """The rows of summary.csv as people read them: metrics and gains with their intervals, marks, and footnotes."""
    names = metrics_of(rows[0])
    cells = [["run", "model", "protocol", "n", *map(title, names)]]
    for row in rows:
        scores = [_scored(row, name) for name in names]
        cells.append([row["run"] + marks(row), row["model"], row["protocol"], str(row["n"]), *scores])
    plain = [title(name) for name in names if not plugin.find("metrics", name).PERCENT]
    notes = [f"{', '.join(plain)}: not in percent"] if plain else []
    notes = [UNITS, *notes, *dict.fromkeys(f"{row['corpus']}, {row['protocol']}: {row['intervals']}" for row in rows)]
    leaks = sorted({name for row in rows for name in row["leaks"].split()})
    notes += [f"* {LEAKY}; what leaks: {' '.join(leaks)}"] if leaks else []
    drawn = sorted({name for row in rows for name in row["random_weights"].split()})
    notes += [f"~ {RANDOM}: {' '.join(drawn)}"] if drawn else []
    notes += [f"^ {ONE_SEED}"] if any("^" in marks(row) for row in rows) else []
    stages = sorted({name for row in rows for name in row["in_sample"].split()})
    notes += [f"+ {IN_SAMPLE}: {' '.join(stages)}"] if stages else []
    return "\n".join([*_aligned(cells), "", *_gains(rows), *notes])


def _gains(rows: Sequence[dict]) -> list[str]:
    """Each run against its baseline on the same test rows, and an empty line; nothing where no run has a baseline."""
    gain = gain_of(rows[0])
    cells = [["run", "over", gain_title(gain.removesuffix("_gain")), "p", "p (Holm)", "behind it", ""]]
    for row in rows:
        if not missing(row[gain]):
            ps = [p_text(row[key], row[f"{gain}_p_at_most"]) for key in (f"{gain}_p", f"{gain}_p_holm")]
            cells.append([row["run"] + marks(row), row["baseline"], _gain(row), *ps, behind(row), no_p(row)])
    return [*_aligned(cells), corrected(rows), ""] if len(cells) > 1 else []


def _gain(row: dict) -> str:
    name = gain_of(row)
    gain, *ends = (row[f"{name}{end}"] for end in ("", "_lo", "_hi"))
    say = plugin.find("metrics", name.removesuffix("_gain")).PERCENT
    gain, *ends = (
        value if missing(value) else f"{100 * value:+.1f}" if say else f"{value:+.3f}" for value in (gain, *ends)
    )
    return gain if missing(ends[0]) else f"{gain} [{', '.join(ends)}]"


def details(result: dict) -> str:
    """Emotion and gender accuracy, confusion matrices and the classification report of one run (its metrics.json)."""
    meta, gender, matrix = result["meta"], result["gender"], np.array(result["confusion"])
    lines = [f"{meta['run']} ({meta['model']} on {meta['corpus']}, protocol {meta['protocol']}, seeds {meta['seeds']})"]
    lines += [f"n {meta['n']}" + (f", {left_out(meta['left_out'])}" if meta["left_out"] else "")]
    right = np.trace(matrix) / matrix.sum() if matrix.sum() else None
    lines += ["", f"emotion accuracy  {percent(right)} %", f"gender accuracy   {_gender(gender, meta['baseline'])}"]
    lines += [f"{name:16}  CCC {_concordance(cell)}" for name, cell in (result["dimensions"] or {}).items()]
    lines += [f"{title(name)}: {cell['reason']}" for name, cell in result["pooled"].items() if cell.get("reason")]
    lines += ["", "emotions: rows truth, columns prediction, means over seeds", *_matrix(matrix, meta["classes"])]
    if gender:
        lines += ["", "gender: rows truth, columns prediction", *_matrix(gender["confusion"], gender["classes"])]
    scores = zip(meta["classes"], precisions(matrix), recalls(matrix), f1_scores(matrix), matrix.sum(1), strict=True)
    body = [[name, percent(p), percent(r), percent(f), f"{n:.0f}"] for name, p, r, f, n in scores]
    return "\n".join([*lines, "", *_aligned([["class", "precision", "recall", "F1", "n"], *body])])


def _gender(gender: dict | None, baseline: str) -> str:
    """Accuracy, beside that of the baseline and of the more frequent gender."""
    if not gender:
        return "not predicted"
    beside = f"{baseline} {percent(gender['baseline'])} %, " if gender["baseline"] is not None else ""
    return f"{percent(gender['accuracy'])} % ({beside}always the more frequent one {percent(gender['majority'])} %)"


def _concordance(cell: dict) -> str:
    """Value, interval, rated rows and seeds of a dimension."""
    if cell["value"] is None:
        return f"undefined, {cell['n']} rated rows"
    ends = "" if cell["lo"] is None else f" [{cell['lo']:.3f}, {cell['hi']:.3f}]"
    seeds = ", ".join("-" if v is None else f"{v:.3f}" for v in cell["per_seed"])
    return f"{cell['value']:.3f}{ends}, {cell['n']} rated rows, by seed {seeds}"


def _matrix(counts: Sequence, classes: Sequence[str]) -> list[str]:
    body = [[name, *(f"{value:.4g}" for value in line)] for name, line in zip(classes, counts, strict=True)]
    return _aligned([["", *classes], *body])


def _aligned(cells: list[list[str]]) -> list[str]:
    """Columns of equal width: words to the left, numbers (all columns that end in one) to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [cell[-1:].isdigit() or cell[-1:] in {"-", "]"} for cell in cells[-1]]
    pad = [str.rjust if flag else str.ljust for flag in right]
    rows = ([fit(cell, width) for fit, cell, width in zip(pad, row, widths, strict=True)] for row in cells)
    return ["  ".join(row).rstrip() for row in rows]
