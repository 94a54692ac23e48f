"""Apply the metrics of a config to predictions: statistics of rows, sums over groups, and values.

Metrics are plug-ins (emospace/evaluation/metrics). A return value that breaks the contract raises an InputError that
names the metric's file.
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
TOLERANCE = 1e-9  # rounding beyond the range of a metric
SEE = "see Metric in docs/contracts.md"
Tables = dict[str, np.ndarray]  # metric -> sums of its statistics, (seeds, groups, S)


@dataclass(frozen=True)
class Answers:
    """The truth of N rows, or the prediction of one seed.

    label: class numbers int64 (N,). probabilities: float64 (N, C), one-hot for the truth. dimensions: float64 (N, 3),
    valence, arousal and dominance in the corpus's units; NaN where unrated, and in every row of a dimension that the
    model does not predict. None if the model predicts no dimensions.
    """

    label: np.ndarray
    probabilities: np.ndarray
    dimensions: np.ndarray | None


def true_answers(truth: Truth) -> Answers:
    """The truth in the form that metrics take."""
    rated = [[np.nan if (v := getattr(row, name)) is None else v for name in RATINGS] for row in truth.rows]
    dimensions = np.array(rated, float).reshape(len(truth.rows), len(RATINGS))
    return Answers(truth.label, np.eye(len(truth.classes))[truth.label], dimensions)


def predicted_answers(predictions: Predictions) -> Iterable[Answers]:
    """The predictions of each seed in turn."""
    for k, probabilities in enumerate(predictions.probabilities):
        dimensions = None if predictions.dimensions is None else predictions.dimensions[k]
        yield Answers(probabilities.argmax(-1), probabilities, dimensions)


def missing_reason(name: str, truth: Truth, predictions: Predictions) -> str:
    """Why a metric cannot be computed, "" if it can."""
    if (needs := plugin.find("metrics", name).NEEDS) == "labels":
        return ""
    if predictions.dimensions is None:
        return "the run predicts no dimensions"
    needed = RATINGS if needs == "dimensions" else (needs,)
    columns = [RATINGS.index(dimension) for dimension in needed]
    if unpredicted := [RATINGS[k] for k in columns if np.isnan(predictions.dimensions[..., k]).any()]:
        return f"the run predicts no {unpredicted[0]}"
    rated = not np.isnan(true_answers(truth).dimensions[:, columns]).all()
    return "" if rated else f"no tested row has a rating of {' or '.join(needed)}"


def tables(
    truth: Truth, predictions: Predictions, names: Iterable[str], groupings: Mapping[object, np.ndarray]
) -> dict[object, Tables]:
    """Sums of each metric's statistics over the groups of each grouping.

    groupings: key -> group of each row, int (N,), -1 for none. Metrics with the same `statistics` function share sums.
    """
    true, modules = true_answers(truth), {name: plugin.find("metrics", name) for name in names}
    functions = {module.statistics: name for name, module in modules.items()}
    sums: dict[tuple, list[np.ndarray]] = {}
    for predicted in predicted_answers(predictions):
        for function, name in functions.items():
            rows = statistics(name, true, predicted)
            for key, group in groupings.items():
                sums.setdefault((key, function), []).append(sum_by_group(rows, group))
    return {
        key: {name: np.array(sums[key, module.statistics]) for name, module in modules.items()} for key in groupings
    }


def sum_by_group(rows: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sums (groups, S) of statistics (N, S) over the rows of each group; rows of group -1 are left out."""
    kept, size = group >= 0, rows.shape[1]
    cells = (group[kept, None] * size + np.arange(size)).ravel()
    groups = int(group.max()) + 1
    return np.bincount(cells, rows[kept].ravel(), groups * size).reshape(groups, size)


# Calls to plug-ins ---------------------------------------------------------------------------------------------


def _blamed(name: str, function: str):
    return plugin.blamed(plugin.place("metrics", name), f"{function}()", SEE)


def _refusal(name: str, reason: str) -> InputError:
    return InputError(plugin.place("metrics", name), reason, SEE)


def statistics(name: str, truth: Answers, predicted: Answers) -> np.ndarray:
    """Statistics (N, S) of a metric. Raises InputError unless every row has finite numbers."""
    with _blamed(name, "statistics"):
        table = np.asarray(plugin.find("metrics", name).statistics(truth, predicted), float)
    rows = len(truth.label)
    if table.ndim != 2 or len(table) != rows or not table.shape[1]:
        raise _refusal(name, f"statistics() returned shape {table.shape}, not ({rows}, S): one row of numbers per row")
    if not np.isfinite(table).all():
        row = int(np.argmin(np.isfinite(table).all(1)))
        raise _refusal(name, f"statistics() returned {table[row].tolist()} for row {row}, which is not finite")
    return table


def value(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """A metric's `value` function with its shape and range checked."""
    module = plugin.find("metrics", name)

    def checked(sums: np.ndarray) -> np.ndarray:
        with _blamed(name, "value"):
            values = np.asarray(module.value(sums), float)
        if values.shape != sums.shape[:-1]:
            raise _refusal(name, f"value() returned shape {values.shape} for sums {sums.shape}, not {sums.shape[:-1]}")
        return _within(name, module, values)

    return checked


def _within(name: str, module: ModuleType, values: np.ndarray) -> np.ndarray:
    outside = (values < module.LOWEST - TOLERANCE) | (values > module.HIGHEST + TOLERANCE)
    if outside.any():
        wrong = values[outside].flat[0]
        limits = f"LOWEST {module.LOWEST:g} to HIGHEST {module.HIGHEST:g}"
        raise _refusal(name, f"value() returned {wrong:g}, which is outside {limits}")
    return values


def compared_by(names: Sequence[str], configured: str | None = None) -> str:
    """The metric whose gain is tabulated: the configured one, else UA if it is among the names, else the first."""
    return configured or ("UA" if "UA" in names else names[0])
