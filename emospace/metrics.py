"""Metrics: every function here whose name is in capitals, found by that name. To add a metric, write one more.

A metric is a share, 0 to 1. It takes confusion counts of shape (..., C, C), rows truth, columns prediction, and returns
(...): the same function serves one cell of a table and thousands of bootstrap draws at once. Counts need not be whole
(means over seeds are fine). What is not defined, such as the recall of a class without rows, is NaN and leaves a mean;
it is never zero.
"""

import numpy as np


def WA(confusion: np.ndarray) -> np.ndarray:
    """Weighted accuracy: the share of rows that are right (each class weighs as much as it has rows)."""
    return _ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum((-2, -1)))


def UA(confusion: np.ndarray) -> np.ndarray:
    """Unweighted accuracy: the mean recall of the classes that have rows."""
    return _mean(recalls(confusion))


def WF1(confusion: np.ndarray) -> np.ndarray:
    """Weighted F1: F1 of the classes, weighted by their rows."""
    support = confusion.sum(-1)
    return _ratio((np.nan_to_num(f1_scores(confusion)) * support).sum(-1), support.sum(-1))


def MF1(confusion: np.ndarray) -> np.ndarray:
    """Macro F1: the mean F1 of the classes that have rows or are predicted."""
    return _mean(f1_scores(confusion))


def recalls(confusion: np.ndarray) -> np.ndarray:
    """Recall of each class, (..., C); NaN for a class without a row."""
    return _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1))


def precisions(confusion: np.ndarray) -> np.ndarray:
    """Precision of each class, (..., C); NaN for a class never predicted."""
    return _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-2))


def f1_scores(confusion: np.ndarray) -> np.ndarray:
    """F1 of each class, (..., C); NaN for a class neither there nor predicted."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return _ratio(2 * hits, confusion.sum(-1) + confusion.sum(-2))


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C) of class numbers (N,)."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes).astype(float)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is defined; NaN where nothing is."""
    return _ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(-1))


METRICS = {name: value for name, value in list(globals().items()) if name.isupper() and callable(value)}
