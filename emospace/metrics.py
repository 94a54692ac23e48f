"""Metrics, each one function of a confusion matrix.

A metric takes confusion counts of shape (..., C, C), rows truth, columns prediction, and returns (...); so the same function
serves a table cell and thousands of bootstrap draws at once. Adding a metric is adding a function and its short name to
METRICS. Counts need not be whole numbers (averages over seeds are fine).
"""

import numpy as np


def recalls(confusion: np.ndarray) -> np.ndarray:
    """Recall of each class, (..., C); NaN for a class without a row."""
    support = confusion.sum(-1)
    return _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), support)


def f1_scores(confusion: np.ndarray) -> np.ndarray:
    """F1 of each class, (..., C); NaN for a class neither there nor predicted."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return _ratio(2 * hits, confusion.sum(-1) + confusion.sum(-2))


def weighted_accuracy(confusion: np.ndarray) -> np.ndarray:
    """WA: share of rows that are right (each class weighs as much as it has rows)."""
    return _ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum((-2, -1)))


def unweighted_accuracy(confusion: np.ndarray) -> np.ndarray:
    """UA: mean recall of the classes that have rows."""
    return _mean(recalls(confusion), confusion.sum(-1) > 0)


def weighted_f1(confusion: np.ndarray) -> np.ndarray:
    """WF1: F1 of the classes, weighted by their rows."""
    support = confusion.sum(-1)
    return _ratio((np.nan_to_num(f1_scores(confusion)) * support).sum(-1), support.sum(-1))


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """MF1: mean F1 of the classes that have rows or are predicted."""
    scores = f1_scores(confusion)
    return _mean(scores, ~np.isnan(scores))


METRICS = {"WA": weighted_accuracy, "UA": unweighted_accuracy, "WF1": weighted_f1, "MF1": macro_f1}


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C) of class numbers (N,)."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes).astype(float)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    above, below = np.broadcast_arrays(np.asarray(above, float), below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _mean(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    return _ratio(np.where(there, values, 0).sum(-1), there.sum(-1))
