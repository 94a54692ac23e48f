"""Results as plain text: one table of all runs, and for each run what a classification report says."""

from collections.abc import Sequence

import numpy as np

from emospace.metrics import METRICS, f1_scores, precisions, recalls

UNITS = "percent, with 95 % intervals by a bootstrap over speakers"
LEAKY = "leaky protocol: training saw the test speakers, so this says nothing of new ones"
RANDOM = "random weights: an encoder was not pretrained, so its features mean little"


def marks(row: dict) -> str:
    """`*` for a leaky protocol, `~` for random weights; the footnotes of `table` explain them."""
    return "*" * bool(row["leaky"]) + "~" * bool(row["random_weights"])


def percent(value: float | None) -> str:
    """A share as percent with one digit; a dash where it is undefined."""
    return "-" if value is None or np.isnan(value) else f"{100 * value:.1f}"


def left_out(codes: dict[str, dict]) -> str:
    """How many rows had labels that the label map leaves out; codes: code -> its name and rows."""
    often = sorted(codes.values(), key=lambda about: -about["rows"])
    counts = ", ".join(f"{about['name']} {about['rows']}" for about in often)
    return f"{sum(about['rows'] for about in often)} left out: {counts}"


def table(rows: Sequence[dict]) -> str:
    """The rows of summary.csv as people read them: metrics and gains with their intervals, marks, and footnotes."""
    cells = [["run", "model", "protocol", "n", *METRICS]]
    for row in rows:
        scores = [f"{percent(row[m])} [{percent(row[f'{m}_lo'])}, {percent(row[f'{m}_hi'])}]" for m in METRICS]
        cells.append([row["run"] + marks(row), row["model"], row["protocol"], str(row["n"]), *scores])
    notes = [UNITS]
    notes += [f"* {LEAKY}"] if any(row["leaky"] for row in rows) else []
    drawn = sorted({name for row in rows for name in row["random_weights"].split()})
    notes += [f"~ {RANDOM}: {' '.join(drawn)}"] if drawn else []
    return "\n".join([*_aligned(cells), "", *_gains(rows), *notes])


def _gains(rows: Sequence[dict]) -> list[str]:
    """Each run against its baseline on the same test rows, and an empty line; nothing where no run has a baseline."""
    cells = [["run", "over", "gain in UA", "p, paired"]]
    for row in rows:
        if row["UA_gain"] not in ("", None):
            gain, lo, hi = (f"{100 * row[name]:+.1f}" for name in ("UA_gain", "UA_gain_lo", "UA_gain_hi"))
            cells.append([row["run"] + marks(row), row["baseline"], f"{gain} [{lo}, {hi}]", f"{row['UA_gain_p']:.3f}"])
    return [*_aligned(cells), ""] if len(cells) > 1 else []


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
    right = [cell[-1:].isdigit() or cell[-1:] in "-]" for cell in cells[-1]]
    pad = [str.rjust if flag else str.ljust for flag in right]
    rows = ([fit(cell, width) for fit, cell, width in zip(pad, row, widths, strict=True)] for row in cells)
    return ["  ".join(row).rstrip() for row in rows]
