"""Shared by the metrics of a confusion matrix: its cells as statistics, and the rates of each class.

Functions take counts (..., C, C), rows truth, columns prediction, so that one call serves a single matrix or thousands
of bootstrap draws. Counts may be fractions, such as means over seeds. An undefined rate, such as the recall of a class
without rows, is NaN, never zero, and does not enter a mean.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from emospace.evaluation.measures import Answers


def statistics(truth: "Answers", predicted: "Answers") -> np.ndarray:
    """Cell of the confusion matrix that each row falls into, one-hot (N, C * C)."""
    rows, classes = predicted.probabilities.shape
    cells = np.zeros((rows, classes**2))
    cells[np.arange(rows), truth.label * classes + predicted.probabilities.argmax(-1)] = 1
    return cells


def matrix(sums: np.ndarray) -> np.ndarray:
    """Sums of these statistics (..., C * C) as confusion matrices (..., C, C)."""
    classes = math.isqrt(sums.shape[-1])
    return sums.reshape(*sums.shape[:-1], classes, classes)


def recalls(confusion: np.ndarray) -> np.ndarray:
    """Recall of each class, (..., C); NaN for a class without rows."""
    return ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1))


def precisions(confusion: np.ndarray) -> np.ndarray:
    """Precision of each class, (..., C); NaN for a class that is never predicted."""
    return ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-2))


def f1_scores(confusion: np.ndarray) -> np.ndarray:
    """F1 of each class, (..., C); NaN for a class that neither occurs nor is predicted."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return ratio(2 * hits, confusion.sum(-1) + confusion.sum(-2))


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C) of class numbers (N,)."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes).astype(float)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator, NaN where the denominator is not positive."""
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0)


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis, without NaN; NaN where all values are."""
    return ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(-1))
