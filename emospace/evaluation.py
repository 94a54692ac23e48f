"""Measure a run: pooled over folds, per fold, per speaker, in parts, and against the baseline on the same resamples."""

import numpy as np

from emospace import bootstrap
from emospace.metrics import METRICS, confusion_matrix, recalls
from emospace.predictions import GENDERS, Predictions, Truth


def counts(truth: Truth, predictions: Predictions, where: np.ndarray | None = None) -> np.ndarray:
    """Confusion counts (seeds, speakers, C, C) of the rows `where` (a mask (N,), all by default)."""
    size, speakers = len(truth.classes), len(truth.speakers)
    mask = np.ones(len(truth.rows), bool) if where is None else where
    cell = (truth.speaker * size + truth.label) * size
    flat = [
        np.bincount((cell + values.argmax(-1))[mask], minlength=speakers * size**2)
        for values in predictions.probabilities
    ]
    return np.array(flat, float).reshape(-1, speakers, size, size)


def measured(table: np.ndarray, drawn: np.ndarray) -> dict:
    """Every metric: mean over seeds, interval, and the deviation over seeds where there are several."""
    result = {}
    for name, metric in METRICS.items():
        per_seed = metric(table.sum(1))
        low, high = bootstrap.interval(bootstrap.distribution(metric, table, drawn))
        result[name] = {"value": float(per_seed.mean()), "lo": low, "hi": high}
        if len(per_seed) > 1:
            result[name]["seed_sd"] = float(per_seed.std(ddof=1))
    return result


def compared(table: np.ndarray, baseline: np.ndarray, drawn: np.ndarray) -> dict:
    """Every metric's difference to the baseline, with interval and p, on the same resamples."""
    result = {}
    for name, metric in METRICS.items():
        spread = bootstrap.distribution(metric, table, drawn) - bootstrap.distribution(metric, baseline, drawn)
        low, high = bootstrap.interval(spread)
        difference = float(metric(table.sum(1)).mean() - metric(baseline.sum(1)).mean())
        result[name] = {"difference": difference, "lo": low, "hi": high, "p": bootstrap.p_value(spread)}
    return result


def class_recalls(table: np.ndarray, drawn: np.ndarray, classes: list[str]) -> dict:
    """Recall of each class with its interval and number of rows; None where no row has that class."""
    value, support = recalls(table.sum(1)).mean(0), table[0].sum((0, 2))
    spread = bootstrap.distribution(recalls, table, drawn)
    result = {}
    for k, name in enumerate(classes):
        low, high = bootstrap.interval(spread[:, k]) if support[k] else (None, None)
        result[name] = {"value": float(value[k]) if support[k] else None, "lo": low, "hi": high, "n": int(support[k])}
    return result


def point(table: np.ndarray, classes: list[str]) -> dict:
    """Every metric without interval, the number of rows, and the classes that none of them has."""
    values = {name: float(metric(table.sum(1)).mean()) for name, metric in METRICS.items()}
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


def evaluate(
    truth: Truth,
    predictions: Predictions,
    baseline: Predictions | None = None,
    *,
    seed: int,
    draws: int = bootstrap.DRAWS,
) -> dict:
    """All that metrics.json holds of a run, as plain numbers. Several seeds: metrics of each seed, averaged."""
    classes = list(truth.classes)
    table = counts(truth, predictions)
    drawn = bootstrap.weights(len(truth.speakers), seed, draws)
    of_folds = {name: counts(truth, predictions, truth.fold == name) for name in sorted(set(truth.fold))}
    of_parts = {name: (mask, counts(truth, predictions, mask)) for name, mask in parts(truth).items()}
    return {
        "pooled": measured(table, drawn),
        "paired": compared(table, counts(truth, baseline), drawn) if baseline else None,
        "recall": class_recalls(table, drawn, classes),
        "confusion": table.sum(1).mean(0).tolist(),
        "folds": {str(name): point(part, classes) for name, part in of_folds.items()},
        "speakers": {name: point(table[:, [i]], classes) for i, name in enumerate(truth.speakers)},
        "parts": {n: measured(part, drawn) | {"n": int(mask.sum())} for n, (mask, part) in of_parts.items()},
        "gender": gender_result(truth, predictions),
    }
