"""Score a run: pooled over folds, per fold, per speaker, in parts, and against a baseline on the same resamples."""

from collections.abc import Sequence

import numpy as np

from emospace.core import plugin
from emospace.evaluation import bootstrap
from emospace.evaluation.intervals import Estimate, estimate
from emospace.evaluation.measures import CONCORDANCE, COUNTED, DEFAULT, Tables, missing_reason, tables, value
from emospace.evaluation.metrics._confusion import confusion_matrix, matrix, recalls
from emospace.evaluation.predictions import (
    GENDERS,
    Predictions,
    Truth,
    select_predictions,
    select_truth,
    shared_rows,
)


def cell(result: Estimate, low: float, high: float) -> dict:
    """Value, interval clipped to [low, high], clusters, and degrees of freedom."""
    ends = {"lo": result.lo, "hi": result.hi}
    ends = {key: None if end is None else min(max(end, low), high) for key, end in ends.items()}
    return {"value": result.value, **ends, "clusters": result.clusters, "df": result.df}


def empty_cell(reason: str = "") -> dict:
    """The cell of a metric that cannot be computed."""
    return {"value": None, "lo": None, "hi": None, "clusters": 0, "df": None} | ({"reason": reason} if reason else {})


def metric_cells(table: Tables, **options) -> dict:
    """Cell of every metric: mean over seeds, interval, and standard deviation over seeds if there are several.

    options: those of `estimate`, here and below.
    """
    cells = {}
    for name, sums in table.items():
        module, metric = plugin.find("metrics", name), value(name)
        cells[name] = cell(estimate(metric, sums, **options), module.LOWEST, module.HIGHEST)
        per_seed = metric(sums.sum(1))
        if len(per_seed) > 1 and not np.isnan(per_seed).any():
            cells[name]["seed_sd"] = float(per_seed.std(ddof=1))
    return cells


def paired_cells(table: Tables, baseline: Tables, *, noisy: bool, **options) -> dict:
    """Difference of every metric from the baseline, with interval, p-value, and the numbers of seeds on both sides.

    noisy: one side is a single training of a model that depends on its seed. How far another seed would move the result
    is unknown, so there is no p-value.
    """
    cells = {}
    for name in [name for name in table if name in baseline]:
        module = plugin.find("metrics", name)
        result = estimate(value(name), table[name], baseline[name], **options)
        width = module.HIGHEST - module.LOWEST
        difference = cell(result, -width, width)
        test = {"p": None, "at_most": False} if noisy else {"p": result.p, "at_most": result.at_most}
        seeds = [len(table[name]), len(baseline[name])]
        cells[name] = {"difference": difference.pop("value"), **difference, **test, "seeds": seeds}
    return cells


def class_recalls(table: np.ndarray, classes: list[str], **options) -> dict:
    """Recall of each class, its interval over the clusters that contain the class, and the number of rows.

    table: confusion counts (seeds, clusters, C, C).
    """
    support, cells = table[0].sum((0, 2)), {}
    for k, name in enumerate(classes):
        rows = np.zeros_like(table)
        rows[..., k, :] = table[..., k, :]  # a cluster without the class becomes zero, so `estimate` leaves it out
        flat = rows.reshape(*rows.shape[:2], -1)
        result = estimate(lambda sums, k=k: recalls(matrix(sums))[..., k], flat, **options)
        cells[name] = cell(result, 0.0, 1.0) | {"n": int(support[k])}
    return cells


def none_if_nan(number: float) -> float | None:
    """The number as a float, None for NaN."""
    return None if np.isnan(number) else float(number)


def point_values(table: Tables, counts: np.ndarray, classes: list[str]) -> dict:
    """Every metric without interval, the number of rows, and the classes without rows.

    counts: confusion counts of the same rows, (seeds, groups, C, C).
    """
    values = {name: none_if_nan(value(name)(sums.sum(1)).mean()) for name, sums in table.items()}
    support = counts[0].sum((0, 2))
    absent = [name for name, n in zip(classes, support, strict=True) if not n]
    return values | {"n": int(support.sum()), "absent_classes": absent}


def parts(truth: Truth) -> dict[str, np.ndarray]:
    """Parts of the test rows that are scored separately: name -> mask (N,).

    A part that is empty or holds all rows is left out.
    """
    scripted = np.array([row.scripted for row in truth.rows])
    masks = {"improvised": ~scripted, "scripted": scripted, "text not in train": ~truth.repeated}
    return {name: mask for name, mask in masks.items() if mask.any() and not mask.all()}


def gender_result(truth: Truth, predictions: Predictions, baseline: Predictions | None = None) -> dict | None:
    """Accuracy and confusion matrix of gender; None unless the model predicts it and the corpus records it.

    For comparison: the accuracy of always predicting the more frequent gender, and the baseline's if it predicts one.
    """
    known = np.array([row.gender in GENDERS for row in truth.rows])
    if predictions.gender is None or not known.any():
        return None
    label = np.array([GENDERS.index(row.gender) for row in truth.rows if row.gender in GENDERS])
    table = _gender_confusion(label, predictions.gender[:, known])
    result = {"accuracy": _accuracy(table), "confusion": table.tolist(), "classes": GENDERS, "n": len(label)}
    result["majority"] = float(np.bincount(label).max() / len(label))
    result["baseline"] = None
    if baseline is not None and baseline.gender is not None:
        result["baseline"] = _accuracy(_gender_confusion(label, baseline.gender[:, known]))
    return result


def _gender_confusion(label: np.ndarray, female: np.ndarray) -> np.ndarray:
    """Confusion counts (2, 2) in the order F, M, averaged over seeds. female: probability of F, (seeds, N)."""
    return np.mean([confusion_matrix(label, (values < 0.5).astype(int), len(GENDERS)) for values in female], axis=0)


def _accuracy(table: np.ndarray) -> float:
    return float(np.trace(table) / table.sum())


def dimensions_result(table: Tables, **options) -> dict | None:
    """CCC of each dimension with its interval, its value per seed, and the number of rated rows."""
    result = {}
    for dimension, name in CONCORDANCE.items():
        if name in table:
            per_seed = value(name)(table[name].sum(1))
            details = {"per_seed": [none_if_nan(v) for v in per_seed], "n": int(table[name][0, :, 0].sum())}
            result[dimension] = metric_cells({name: table[name]}, **options)[name] | details
    return result or None


def unrepeated(stochastic: bool, predictions: Predictions | None) -> bool:
    """Whether a model that depends on its seed was trained with only one."""
    return stochastic and predictions is not None and len(predictions.seeds) == 1


def empty_result(classes: list[str], metrics: Sequence[str] = DEFAULT) -> dict:
    """What `evaluate` returns for a run without test rows: the same keys, no values."""
    return {
        "pooled": {name: empty_cell() for name in metrics},
        "paired": None,
        "recall": {name: empty_cell() | {"n": 0} for name in classes},
        "confusion": [[0.0] * len(classes) for _ in classes],
        "folds": {},
        "speakers": {},
        "parts": {},
        "gender": None,
        "dimensions": None,
    }


def compare(
    truth: Truth, predictions: Predictions, baseline: Predictions, other: Truth | None, names: Sequence[str], **options
) -> dict:
    """`paired_cells` on the rows that both sides test, and the numbers of those rows and of their clusters.

    other: the truth of the baseline's test rows if its protocol is another.
    """
    if other:
        mine, theirs = shared_rows(truth, other)
        truth = select_truth(truth, mine)
        predictions, baseline = select_predictions(predictions, mine), select_predictions(baseline, theirs)
    groups, sides = {"": truth.clusters.member}, (predictions, baseline)
    names = [name for name in names if not any(missing_reason(name, truth, side) for side in sides)]
    sums = [tables(truth, side, names, groups)[""] for side in sides]
    shared = {"n": len(truth.rows), "clusters": truth.clusters.count}
    return {"paired": paired_cells(*sums, **options), "shared": shared}


def evaluate(
    truth: Truth,
    predictions: Predictions,
    baseline: Predictions | None = None,
    *,
    seed: int,
    draws: int = bootstrap.DRAWS,
    stochastic: tuple[bool, bool] = (True, True),
    metrics: Sequence[str] = DEFAULT,
    other: Truth | None = None,
) -> dict:
    """The scores of a run in metrics.json, as plain numbers. With several seeds, metrics are averaged over them.

    stochastic: whether training depends on the seed, for the run and for the baseline. other: see `compare`.
    """
    classes, options = list(truth.classes), {"seed": seed, "draws": draws}
    if not truth.rows:
        return empty_result(classes, metrics)
    reasons = {name: missing_reason(name, truth, predictions) for name in (*metrics, *CONCORDANCE.values())}
    computable = [name for name, reason in reasons.items() if not reason]
    sums = tables(truth, predictions, dict.fromkeys([*computable, COUNTED]), groupings(truth))
    counts = {key: matrix(table[COUNTED]) for key, table in sums.items()}
    shown = {key: {name: table[name] for name in metrics if name in computable} for key, table in sums.items()}
    paired = {"paired": None}
    if baseline:
        noisy = any(map(unrepeated, stochastic, (predictions, baseline)))
        paired = compare(truth, predictions, baseline, other, metrics, noisy=noisy, **options)
    cells = metric_cells(shown["pooled", ""], **options)
    return {
        "pooled": {name: cells[name] if name in cells else empty_cell(reasons[name]) for name in metrics},
        **paired,
        "recall": class_recalls(counts["pooled", ""], classes, **options),
        "confusion": counts["pooled", ""].sum(1).mean(0).tolist(),
        "folds": {
            name: point_values(shown[unit, name], n, classes) for (unit, name), n in counts.items() if unit == "fold"
        },
        "speakers": speaker_values(truth, shown["speaker", ""], counts["speaker", ""]),
        "parts": {
            name: metric_cells(shown["part", name], **options) | {"n": int(mask.sum())}
            for name, mask in parts(truth).items()
        },
        "gender": gender_result(truth, predictions, None if other else baseline),
        "dimensions": dimensions_result(sums["pooled", ""], **options),
    }


def groupings(truth: Truth) -> dict[tuple[str, str], np.ndarray]:
    """(unit, name) -> group of each test row, -1 for none.

    The groups are speakers for the unit "speaker", and clusters for all rows ("pooled"), each fold and each part.
    """
    group = truth.clusters.member
    result = {("pooled", ""): group, ("speaker", ""): truth.speaker}
    result |= {("fold", str(name)): np.where(truth.fold == name, group, -1) for name in sorted(set(truth.fold))}
    return result | {("part", name): np.where(mask, group, -1) for name, mask in parts(truth).items()}


def speaker_values(truth: Truth, table: Tables, counts: np.ndarray) -> dict:
    """`point_values` of each speaker."""
    tables_of = ({name: sums[:, [i]] for name, sums in table.items()} for i in range(len(truth.speakers)))
    named = enumerate(zip(truth.speakers, tables_of, strict=True))
    return {name: point_values(own, counts[:, [i]], truth.classes) for i, (name, own) in named}
