"""Results as plain text: one table of all runs, and for each run what a classification report says."""

from collections.abc import Sequence

import numpy as np

from emospace.intervals import FEW
from emospace.metrics import METRICS, f1_scores, precisions, recalls

UNITS = "percent; docs/statistics.md says how intervals and p-values are made"
NO_NOISE = "training noise not included"
ONE_SEED = f"{NO_NOISE}: one seed of a model that depends on it, so intervals are too narrow and there is no p"
LEAKY = "leaky: training knew something of the test rows, so this says nothing of new ones"
RANDOM = "random weights: an encoder was not pretrained, so its features mean little"


def marks(row: dict) -> str:
    """`*` leaky, `~` random weights, `^` training noise not included; footnotes of `table` explain them."""
    alone = row["run"] in row["training_noise_not_included"].split()
    return "*" * bool(row["leaky"]) + "~" * bool(row["random_weights"]) + "^" * alone


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
    """Seeds and clusters that a comparison rests on: "seeds 3 and 1, 5 sessions"."""
    return f"seeds {row['seeds']} and {row['baseline_seeds']}, {clusters(row)}"


def clusters(row: dict) -> str:
    return f"{row['clusters']} {row['cluster_unit']}{'s' if row['clusters'] != 1 else ''}"


def corrected(rows: Sequence[dict]) -> str:
    """Over how many comparisons Holm's p is corrected."""
    number = sum(not missing(row["UA_gain_p_holm"]) for row in rows)
    return f"p (Holm): corrected for the {number} comparison{'s' if number != 1 else ''} of this table that have a p"


def no_p(row: dict) -> str:
    """Why a comparison has no p; empty where it has one."""
    if not missing(row["UA_gain_p"]):
        return ""
    if row["training_noise_not_included"]:
        return f"no p: {NO_NOISE}"
    return f"no p: fewer than {FEW} clusters" if not row["method"] else "no p: all clusters agree"


def _scored(row: dict, name: str) -> str:
    """A metric with its interval, where there is one."""
    between = f" [{percent(row[f'{name}_lo'])}, {percent(row[f'{name}_hi'])}]"
    return percent(row[name]) + between * (not missing(row[f"{name}_lo"]))


def left_out(codes: dict[str, dict]) -> str:
    """How many rows had labels that the label map leaves out; codes: code -> its name and rows."""
    often = sorted(codes.values(), key=lambda about: -about["rows"])
    counts = ", ".join(f"{about['name']} {about['rows']}" for about in often)
    return f"{sum(about['rows'] for about in often)} left out: {counts}"


def table(rows: Sequence[dict]) -> str:
    """The rows of summary.csv as people read them: metrics and gains with their intervals, marks, and footnotes."""
    cells = [["run", "model", "protocol", "n", *METRICS]]
    for row in rows:
        scores = [_scored(row, m) for m in METRICS]
        cells.append([row["run"] + marks(row), row["model"], row["protocol"], str(row["n"]), *scores])
    notes = [UNITS, *dict.fromkeys(f"{row['corpus']}, {row['protocol']}: {row['intervals']}" for row in rows)]
    leaks = sorted({name for row in rows for name in row["leaks"].split()})
    notes += [f"* {LEAKY}; what leaks: {' '.join(leaks)}"] if leaks else []
    drawn = sorted({name for row in rows for name in row["random_weights"].split()})
    notes += [f"~ {RANDOM}: {' '.join(drawn)}"] if drawn else []
    notes += [f"^ {ONE_SEED}"] if any("^" in marks(row) for row in rows) else []
    return "\n".join([*_aligned(cells), "", *_gains(rows), *notes])


def _gains(rows: Sequence[dict]) -> list[str]:
    """Each run against its baseline on the same test rows, and an empty line; nothing where no run has a baseline."""
    cells = [["run", "over", "gain in UA", "p", "p (Holm)", "behind it", ""]]
    for row in rows:
        if not missing(row["UA_gain"]):
            ps = [p_text(row[key], row["UA_gain_p_at_most"]) for key in ("UA_gain_p", "UA_gain_p_holm")]
            cells.append([row["run"] + marks(row), row["baseline"], _gain(row), *ps, behind(row), no_p(row)])
    return [*_aligned(cells), corrected(rows), ""] if len(cells) > 1 else []


def _gain(row: dict) -> str:
    gain, *ends = (row[name] for name in ("UA_gain", "UA_gain_lo", "UA_gain_hi"))
    between = "" if missing(ends[0]) else " [" + ", ".join(f"{100 * end:+.1f}" for end in ends) + "]"
    return f"{100 * gain:+.1f}{between}"


def details(result: dict) -> str:
    """Emotion and gender accuracy, confusion matrices and the classification report of one run (its metrics.json)."""
    meta, gender, matrix = result["meta"], result["gender"], np.array(result["confusion"])
    lines = [f"{meta['run']} ({meta['model']} on {meta['corpus']}, protocol {meta['protocol']}, seeds {meta['seeds']})"]
    lines += [f"n {meta['n']}" + (f", {left_out(meta['left_out'])}" if meta["left_out"] else "")]
    lines += ["", f"emotion accuracy  {percent(result['pooled']['WA']['value'])} %"]
    lines += [f"gender accuracy   {percent(gender['accuracy'])} %" if gender else "gender            not predicted"]
    lines += ["", "emotions: rows truth, columns prediction, means over seeds", *_matrix(matrix, meta["classes"])]
    if gender:
        lines += ["", "gender: rows truth, columns prediction", *_matrix(gender["confusion"], gender["classes"])]
    scores = zip(meta["classes"], precisions(matrix), recalls(matrix), f1_scores(matrix), matrix.sum(1), strict=True)
    body = [[name, percent(p), percent(r), percent(f), f"{n:.0f}"] for name, p, r, f, n in scores]
    return "\n".join([*lines, "", *_aligned([["class", "precision", "recall", "F1", "n"], *body])])


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
