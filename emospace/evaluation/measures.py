"""The metrics of a config, applied to predictions: statistics of rows, their sums over groups, and values; all checked.

A metric is a plug-in (emospace/evaluation/metrics). What it returns and its contract forbids is an InputError that
names its file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.manifest import RATINGS
from emospace.evaluation.predictions import Predictions, Truth

DEFAULT = ("WA", "UA", "WF1", "MF1")
COUNTED = "WA"  # its statistics are the cells of the confusion matrix
CONCORDANCE = {name: f"CCC_{name}" for name in RATINGS}
CLOSE = 1e-9  # rounding beyond the range of a metric
SEE = "see Metric in docs/contracts.md"
Tables = dict[str, np.ndarray]  # metric -> sums of its statistics, (seeds, groups, S)


@dataclass(frozen=True)
class Answers:
    """What is true, or what one seed predicts, of N rows.

    label: class numbers int64 (N,). probabilities: float64 (N, C); of the truth 1 for the class and 0 elsewhere.
    dimensions: float64 (N, 3), valence, arousal and dominance in the corpus's units, NaN where unknown, and in all rows
    of a dimension that the model does not predict; None if it predicts none.
    """

    label: np.ndarray
    probabilities: np.ndarray
    dimensions: np.ndarray | None


def true_answers(truth: Truth) -> Answers:
    rated = [[np.nan if (v := getattr(row, name)) is None else v for name in RATINGS] for row in truth.rows]
    dimensions = np.array(rated, float).reshape(len(truth.rows), len(RATINGS))
    return Answers(truth.label, np.eye(len(truth.classes))[truth.label], dimensions)


def predicted_answers(predictions: Predictions) -> Iterable[Answers]:
    """Of each seed."""
    for k, probabilities in enumerate(predictions.probabilities):
        dimensions = None if predictions.dimensions is None else predictions.dimensions[k]
        yield Answers(probabilities.argmax(-1), probabilities, dimensions)


def lacking(name: str, truth: Truth, predictions: Predictions) -> str:
    """Why a metric cannot be computed; "" if it can."""
    if (needs := plugin.find("metrics", name).NEEDS) == "labels":
        return ""
    if predictions.dimensions is None:
        return "the run predicts no dimensions"
    wanted = RATINGS if needs == "dimensions" else (needs,)
    columns = [RATINGS.index(dimension) for dimension in wanted]
    if unsaid := [RATINGS[k] for k in columns if np.isnan(predictions.dimensions[..., k]).any()]:
        return f"the run predicts no {unsaid[0]}"
    known = not np.isnan(true_answers(truth).dimensions[:, columns]).all()
    return "" if known else f"no tested row has a rating of {' or '.join(wanted)}"


def tables(
    truth: Truth, predictions: Predictions, names: Iterable[str], groupings: Mapping[object, np.ndarray]
) -> dict[object, Tables]:
    """Sums of the statistics of each metric over the groups of each grouping.

    groupings: key -> group of each row, int (N,), -1 for none. Metrics that share a function `statistics` share sums.
    """
    known, own = true_answers(truth), {name: plugin.find("metrics", name) for name in names}
    functions = {module.statistics: name for name, module in own.items()}
    sums: dict[tuple, list[np.ndarray]] = {}
    for said in predicted_answers(predictions):
        for function, name in functions.items():
            rows = statistics(name, known, said)
            for key, group in groupings.items():
                sums.setdefault((key, function), []).append(summed(rows, group))
    return {key: {name: np.array(sums[key, module.statistics]) for name, module in own.items()} for key in groupings}


def summed(rows: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sums (groups, S) of statistics (N, S) over the rows of each group; those of group -1 count nowhere."""
    kept, size = group >= 0, rows.shape[1]
    cells = (group[kept, None] * size + np.arange(size)).ravel()
    groups = int(group.max()) + 1
    return np.bincount(cells, rows[kept].ravel(), groups * size).reshape(groups, size)


# Calls of plug-ins ---------------------------------------------------------------------------------------------


def _blamed(name: str, function: str):
    return plugin.blamed(plugin.place("metrics", name), f"{function}()", SEE)


def _refusal(name: str, reason: str) -> InputError:
    return InputError(plugin.place("metrics", name), reason, SEE)


def statistics(name: str, truth: Answers, predicted: Answers) -> np.ndarray:
    """Statistics (N, S) of a metric. Raises InputError unless there are finite numbers for every row."""
    with _blamed(name, "statistics"):
        found = np.asarray(plugin.find("metrics", name).statistics(truth, predicted), float)
    rows = len(truth.label)
    if found.ndim != 2 or len(found) != rows or not found.shape[1]:
        raise _refusal(name, f"statistics() returned shape {found.shape}, not ({rows}, S): one row of numbers per row")
    if not np.isfinite(found).all():
        row = int(np.argmin(np.isfinite(found).all(1)))
        raise _refusal(name, f"statistics() returned {found[row].tolist()} for row {row}, which is not finite")
    return found


def value(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """`value` of a metric, held to its shape and range; rounding beyond the range is cut off."""
    module = plugin.find("metrics", name)

    def checked(sums: np.ndarray) -> np.ndarray:
        with _blamed(name, "value"):
            found = np.asarray(module.value(sums), float)
        if found.shape != sums.shape[:-1]:
            raise _refusal(name, f"value() returned shape {found.shape} of sums {sums.shape}, not {sums.shape[:-1]}")
        return _within(name, module, found)

    return checked


def _within(name: str, module: ModuleType, found: np.ndarray) -> np.ndarray:
    outside = (found < module.LOWEST - CLOSE) | (found > module.HIGHEST + CLOSE)
    if outside.any():
        wrong = found[outside].flat[0]
        limits = f"LOWEST {module.LOWEST:g} to HIGHEST {module.HIGHEST:g}"
        raise _refusal(name, f"value() returned {wrong:g}, which is outside {limits}")
    return found


def compared_by(names: Sequence[str], wanted: str | None = None) -> str:
    """The metric whose gain tables show: the one that is wanted, or UA if it is among them, or the first."""
    return wanted or ("UA" if "UA" in names else names[0])
