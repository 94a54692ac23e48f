"""Measure a run: pooled over folds, per fold, per speaker, in parts, and against the baseline on the same resamples."""

import numpy as np

from emospace import bootstrap
from emospace.intervals import Estimate, estimate
from emospace.metrics import METRICS, confusion_matrix, recalls
from emospace.predictions import GENDERS, Predictions, Truth


def counts(truth: Truth, predictions: Predictions, group: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """Confusion counts (seeds, groups, C, C) of the rows `where` (a mask (N,), all by default).

    group: number of each row's speaker or cluster, (N,).
    """
    size, groups = len(truth.classes), int(group.max()) + 1
    mask = np.ones(len(truth.rows), bool) if where is None else where
    cell = (group * size + truth.label) * size
    flat = [
        np.bincount((cell + values.argmax(-1))[mask], minlength=groups * size**2)
        for values in predictions.probabilities
    ]
    return np.array(flat, float).reshape(-1, groups, size, size)


def cell(found: Estimate, low: float = -1.0) -> dict:
    """Value, ends of its interval (cut to `low` and 1), clusters and degrees of freedom behind them."""
    ends = {key: None if end is None else min(max(end, low), 1.0) for key, end in (("lo", found.lo), ("hi", found.hi))}
    return {"value": found.value, **ends, "clusters": found.clusters, "df": found.df}


def measured(table: np.ndarray, **how) -> dict:
    """Every metric: mean over seeds, interval, and the deviation over seeds where there are several."""
    result = {}
    for name, metric in METRICS.items():
        result[name] = cell(estimate(metric, table, **how), 0.0)
        per_seed = metric(table.sum(1))
        if len(per_seed) > 1 and not np.isnan(per_seed).any():
            result[name]["seed_sd"] = float(per_seed.std(ddof=1))
    return result


def compared(table: np.ndarray, baseline: np.ndarray, *, noisy: bool, **how) -> dict:
    """Every metric's difference to the baseline, with interval, p, and the seeds of both sides.

    noisy: one side was trained once, and another seed would have moved it. How far nobody knows, so there is no p.
    """
    result = {}
    for name, metric in METRICS.items():
        found = estimate(metric, table, baseline, **how)
        about = cell(found)
        tested = {"p": None, "at_most": False} if noisy else {"p": found.p, "at_most": found.at_most}
        result[name] = {"difference": about.pop("value"), **about, **tested, "seeds": [len(table), len(baseline)]}
    return result


def class_recalls(table: np.ndarray, classes: list[str], **how) -> dict:
    """Recall of each class, with its interval over the clusters that have it, and its number of rows."""
    support, result = table[0].sum((0, 2)), {}
    for k, name in enumerate(classes):
        rows = np.zeros_like(table)
        rows[..., k, :] = table[..., k, :]  # clusters without the class say nothing of its recall
        found = estimate(lambda counts, k=k: recalls(counts)[..., k], rows, **how)
        result[name] = cell(found, 0.0) | {"n": int(support[k])}
    return result


def defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def point(table: np.ndarray, classes: list[str]) -> dict:
    """Every metric without interval, the number of rows, and the classes that none of them has."""
    values = {name: defined(metric(table.sum(1)).mean()) for name, metric in METRICS.items()}
    support = table[0].sum((0, 2))
    absent = [name for name, n in zip(classes, support, strict=True) if not n]
    return values | {"n": int(support.sum()), "absent_classes": absent}


def parts(truth: Truth) -> dict[str, np.ndarray]:
    """Parts of the tested rows worth a score of their own: name -> mask (N,).

    A split that puts all rows on one side tells nothing and is left out.
    """
    scripted = np.array([row.scripted for row in truth.rows])
    found = {"improvised": ~scripted, "scripted": scripted, "text not in train": ~truth.repeated}
    return {name: mask for name, mask in found.items() if mask.any() and not mask.all()}


def gender_result(truth: Truth, predictions: Predictions) -> dict | None:
    """Accuracy and confusion matrix of gender, where the model predicts it and the corpus knows it."""
    known = np.array([row.gender in GENDERS for row in truth.rows])
    if predictions.gender is None or not known.any():
        return None
    label = np.array([GENDERS.index(row.gender) for row in truth.rows if row.gender in GENDERS])
    guesses = [(values[known] < 0.5).astype(int) for values in predictions.gender]  # F comes first
    table = np.mean([confusion_matrix(label, guess, len(GENDERS)) for guess in guesses], axis=0)
    return {"accuracy": float(np.trace(table) / table.sum()), "confusion": table.tolist(), "classes": GENDERS}


def unrepeated(stochastic: bool, predictions: Predictions | None) -> bool:
    """Was a model that depends on its seed trained with one seed only?"""
    return stochastic and predictions is not None and len(predictions.seeds) == 1


def untested(classes: list[str]) -> dict:
    """What `evaluate` returns where a run has no test rows: the same keys, nothing measured."""
    empty = {"value": None, "lo": None, "hi": None, "clusters": 0, "df": None}
    return {
        "pooled": dict.fromkeys(METRICS, empty),
        "paired": None,
        "recall": {name: empty | {"n": 0} for name in classes},
        "confusion": [[0.0] * len(classes) for _ in classes],
        "folds": {},
        "speakers": {},
        "parts": {},
        "gender": None,
    }


def evaluate(
    truth: Truth,
    predictions: Predictions,
    baseline: Predictions | None = None,
    *,
    seed: int,
    draws: int = bootstrap.DRAWS,
    stochastic: tuple[bool, bool] = (True, True),
) -> dict:
    """All that metrics.json holds of a run, as plain numbers. Several seeds: metrics of each seed, averaged.

    stochastic: does training depend on the seed, of the run and of the baseline?
    """
    if not truth.rows:
        return untested(list(truth.classes))
    classes, group, how = list(truth.classes), truth.clusters.member, {"seed": seed, "draws": draws}
    table, speakers = counts(truth, predictions, group), counts(truth, predictions, truth.speaker)
    of_folds = {name: counts(truth, predictions, group, truth.fold == name) for name in sorted(set(truth.fold))}
    of_parts = {name: (mask, counts(truth, predictions, group, mask)) for name, mask in parts(truth).items()}
    noisy = any(map(unrepeated, stochastic, (predictions, baseline)))
    return {
        "pooled": measured(table, **how),
        "paired": compared(table, counts(truth, baseline, group), noisy=noisy, **how) if baseline else None,
        "recall": class_recalls(table, classes, **how),
        "confusion": table.sum(1).mean(0).tolist(),
        "folds": {str(name): point(part, classes) for name, part in of_folds.items()},
        "speakers": {name: point(speakers[:, [i]], classes) for i, name in enumerate(truth.speakers)},
        "parts": {n: measured(part, **how) | {"n": int(mask.sum())} for n, (mask, part) in of_parts.items()},
        "gender": gender_result(truth, predictions),
    }
