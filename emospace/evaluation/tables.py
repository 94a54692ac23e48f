"""Results as plain text: one table of all runs, and a classification report of each run."""

from collections.abc import Sequence

import numpy as np

from emospace.core import plugin
from emospace.evaluation.intervals import MIN_JACKKNIFE, method
from emospace.evaluation.metrics._confusion import f1_scores, precisions, recalls

UNITS = "percent; docs/statistics.md explains intervals and p-values"
NO_NOISE = "training noise not included"
ONE_SEED = f"{NO_NOISE}: the model depends on its seed but has only one, so intervals are too narrow and p is omitted"
LEAKY = "leaky: training used information about test rows, so this score does not hold for new data"
RANDOM = "random weights: an encoder was not pretrained, so its features only exercise the pipeline"
IN_SAMPLE = "in-sample inputs: the second stage learned from outputs for rows that the first stage was trained on"


def marks(row: dict) -> str:
    """`*` leaky, `~` random weights, `^` training noise not included, `+` in-sample inputs; `table` explains them."""
    one_seed = row["run"] in row["training_noise_not_included"].split()
    return "*" * bool(row["leaky"]) + "~" * bool(row["random_weights"]) + "^" * one_seed + "+" * bool(row["in_sample"])


def metrics_of(row: dict) -> list[str]:
    """The metrics in summary.csv, in its order."""
    return [name for name in row if f"{name}_lo" in row and not name.endswith("_gain")]


def gain_of(row: dict) -> str:
    """Column of the gain over the baseline, such as UA_gain; it names the metric that runs are compared by."""
    return next(name.removesuffix("_lo") for name in row if name.endswith("_gain_lo"))


def metric_title(name: str) -> str:
    """Title of a metric in tables."""
    return plugin.find("metrics", name).TITLE


def gain_title(name: str) -> str:
    """Title of a metric's difference from the baseline."""
    if plugin.find("metrics", name).LOWER_IS_BETTER:
        return f"change in {metric_title(name)} (lower is better)"
    return f"gain in {metric_title(name)}"


def score(name: str, value: float | None) -> str:
    """A metric's value: percent with one decimal, or a number with three; a dash if undefined."""
    return percent(value) if is_empty(value) or in_percent(name) else f"{value:.3f}"


def in_percent(name: str) -> bool:
    """Whether tables print a metric as percent."""
    return plugin.find("metrics", name).PERCENT


def percent(value: float | None) -> str:
    """A share as percent with one decimal; a dash if undefined."""
    return "-" if is_empty(value) or np.isnan(value) else f"{100 * value:.1f}"


def is_empty(value) -> bool:
    """Whether a cell of summary.csv is empty."""
    return value is None or value == ""


def p_text(p: float | None, at_most: bool, sign: str = "<=") -> str:
    """A p-value with three decimals. at_most: p is the smallest value that the draws can give."""
    if is_empty(p):
        return "-"
    if at_most:
        return f"{sign}{min(1.0, np.ceil(1000 * p) / 1000):.3f}"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def basis(row: dict) -> str:
    """Seeds and clusters behind a comparison: "seeds 3 and 1, 5 sessions"; across protocols, the number of rows too."""
    text = f"seeds {row['seeds']} and {row['baseline_seeds']}, {clusters(row)}"
    if across_protocols(row):
        text += f", {row['compared_n']} rows that {row['compared_protocol']} also tests"
    return text


def across_protocols(row: dict) -> bool:
    """Whether a run is compared with a run of another protocol."""
    return not is_empty(row["compared_protocol"]) and row["compared_protocol"] != row["protocol"]


def clusters(row: dict) -> str:
    """Number of clusters behind a comparison."""
    count = row["compared_clusters"]
    return f"{count} {row['cluster_unit']}{'s' if count != 1 else ''}"


def holm_note(rows: Sequence[dict]) -> str:
    """How many comparisons Holm's p corrects for."""
    number = sum(not is_empty(row[f"{gain_of(row)}_p_holm"]) for row in rows)
    return f"p (Holm): corrected for the {number} comparison{'s' if number != 1 else ''} with a p-value in this table"


def no_p(row: dict) -> str:
    """Why a comparison has no p-value, "" if it has one."""
    gain = gain_of(row)
    if not is_empty(row[f"{gain}_p"]):
        return ""
    if is_empty(row[gain]):
        return f"no p: {metric_title(gain.removesuffix('_gain'))} is undefined"
    if row["training_noise_not_included"]:
        return f"no p: {NO_NOISE}"
    too_few = not method(row["compared_clusters"])
    return f"no p: fewer than {MIN_JACKKNIFE} clusters" if too_few else "no p: all clusters agree"


def _with_interval(row: dict, name: str) -> str:
    """A metric and its interval, if it has one."""
    interval = f" [{score(name, row[f'{name}_lo'])}, {score(name, row[f'{name}_hi'])}]"
    return score(name, row[name]) + interval * (not is_empty(row[f"{name}_lo"]))


def left_out(codes: dict[str, dict]) -> str:
    """Number of rows whose labels the label map leaves out. codes: code -> its name and number of rows."""
    by_size = sorted(codes.values(), key=lambda code: -code["rows"])
    counts = ", ".join(f"{code['name']} {code['rows']}" for code in by_size)
    return f"{sum(code['rows'] for code in by_size)} left out: {counts}"


def table(rows: Sequence[dict]) -> str:
    """The rows of summary.csv for readers: metrics and gains with their intervals, marks, and footnotes."""
    names = metrics_of(rows[0])
    cells = [["run", "model", "protocol", "n", *map(metric_title, names)]]
    for row in rows:
        scores = [_with_interval(row, name) for name in names]
        cells.append([row["run"] + marks(row), row["model"], row["protocol"], str(row["n"]), *scores])
    return "\n".join([*_aligned(cells), "", *_gains(rows), *_notes(rows, names)])


def _notes(rows: Sequence[dict], names: Sequence[str]) -> list[str]:
    """Units, methods, and the meaning of each mark that occurs."""

    def listed(column: str) -> str:
        return " ".join(sorted({name for row in rows for name in row[column].split()}))

    plain = [metric_title(name) for name in names if not in_percent(name)]
    notes = [UNITS, *([f"{', '.join(plain)}: not in percent"] if plain else [])]
    notes += dict.fromkeys(f"{row['corpus']}, {row['protocol']}: {row['intervals']}" for row in rows)
    leaks, random, stages = map(listed, ("leaks", "random_weights", "in_sample"))
    notes += [f"* {LEAKY}; source of the leak: {leaks}"] if leaks else []
    notes += [f"~ {RANDOM}: {random}"] if random else []
    notes += [f"^ {ONE_SEED}"] if any("^" in marks(row) for row in rows) else []
    return notes + ([f"+ {IN_SAMPLE}: {stages}"] if stages else [])


def _gains(rows: Sequence[dict]) -> list[str]:
    """Each run against its baseline on the same test rows, and an empty line; [] if no run has a baseline."""
    gain = gain_of(rows[0])
    cells = [["run", "over", gain_title(gain.removesuffix("_gain")), "p", "p (Holm)", "based on", ""]]
    for row in rows:
        if not is_empty(row[gain]):
            ps = [p_text(row[key], row[f"{gain}_p_at_most"]) for key in (f"{gain}_p", f"{gain}_p_holm")]
            cells.append([row["run"] + marks(row), row["baseline"], _gain(row), *ps, basis(row), no_p(row)])
    return [*_aligned(cells), holm_note(rows), ""] if len(cells) > 1 else []


def _gain(row: dict) -> str:
    """A gain with its sign and its interval, if it has one."""
    column = gain_of(row)
    as_percent = in_percent(column.removesuffix("_gain"))
    gain, *ends = (
        value if is_empty(value) else f"{100 * value:+.1f}" if as_percent else f"{value:+.3f}"
        for value in (row[f"{column}{end}"] for end in ("", "_lo", "_hi"))
    )
    return gain if is_empty(ends[0]) else f"{gain} [{', '.join(ends)}]"


def details(result: dict) -> str:
    """Accuracies, confusion matrices and classification report of one run (its metrics.json)."""
    meta, gender, matrix = result["meta"], result["gender"], np.array(result["confusion"])
    lines = [f"{meta['run']} ({meta['model']} on {meta['corpus']}, protocol {meta['protocol']}, seeds {meta['seeds']})"]
    lines += [f"n {meta['n']}" + (f", {left_out(meta['left_out'])}" if meta["left_out"] else "")]
    accuracy = np.trace(matrix) / matrix.sum() if matrix.sum() else None
    lines += ["", f"emotion accuracy  {percent(accuracy)} %", f"gender accuracy   {_gender(gender, meta['baseline'])}"]
    lines += [f"{name:16}  CCC {_concordance(cell)}" for name, cell in (result["dimensions"] or {}).items()]
    lines += [
        f"{metric_title(name)}: {cell['reason']}" for name, cell in result["pooled"].items() if cell.get("reason")
    ]
    lines += ["", "emotions: rows truth, columns prediction, means over seeds", *_matrix(matrix, meta["classes"])]
    if gender:
        lines += ["", "gender: rows truth, columns prediction", *_matrix(gender["confusion"], gender["classes"])]
    scores = zip(meta["classes"], precisions(matrix), recalls(matrix), f1_scores(matrix), matrix.sum(1), strict=True)
    body = [[name, percent(p), percent(r), percent(f), f"{n:.0f}"] for name, p, r, f, n in scores]
    return "\n".join([*lines, "", *_aligned([["class", "precision", "recall", "F1", "n"], *body])])


def _gender(gender: dict | None, baseline: str) -> str:
    """Accuracy of the run, of the baseline, and of always predicting the more frequent gender."""
    if not gender:
        return "not predicted"
    of_baseline = f"{baseline} {percent(gender['baseline'])} %, " if gender["baseline"] is not None else ""
    return f"{percent(gender['accuracy'])} % ({of_baseline}majority class {percent(gender['majority'])} %)"


def _concordance(cell: dict) -> str:
    """Value, interval, number of rated rows, and value per seed of a dimension."""
    if cell["value"] is None:
        return f"undefined, {cell['n']} rated rows"
    interval = "" if cell["lo"] is None else f" [{cell['lo']:.3f}, {cell['hi']:.3f}]"
    seeds = ", ".join("-" if v is None else f"{v:.3f}" for v in cell["per_seed"])
    return f"{cell['value']:.3f}{interval}, {cell['n']} rated rows, by seed {seeds}"


def _matrix(counts: Sequence, classes: Sequence[str]) -> list[str]:
    body = [[name, *(f"{value:.4g}" for value in line)] for name, line in zip(classes, counts, strict=True)]
    return _aligned([["", *classes], *body])


def _aligned(cells: list[list[str]]) -> list[str]:
    """Lines of padded columns; a column whose last cell ends like a number is right-aligned."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [cell[-1:].isdigit() or cell[-1:] in {"-", "]"} for cell in cells[-1]]
    pad = [str.rjust if flag else str.ljust for flag in right]
    rows = ([fit(cell, width) for fit, cell, width in zip(pad, row, widths, strict=True)] for row in cells)
    return ["  ".join(row).rstrip() for row in rows]
