"""What the metrics of a confusion matrix share: its cells as statistics, and the rates of each class.

Functions take counts (..., C, C), rows truth, columns prediction: one cell of a table and thousands of bootstrap draws
at once. Counts need not be whole (means over seeds are fine). What is not defined, such as the recall of a class
without rows, is NaN and leaves a mean; it is never zero.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from emospace.evaluation.measures import Answers


def statistics(truth: "Answers", predicted: "Answers") -> np.ndarray:
    """One-hot cell (N, C * C) of the confusion matrix that each row falls into."""
    rows, classes = predicted.probabilities.shape
    found = np.zeros((rows, classes**2))
    found[np.arange(rows), truth.label * classes + predicted.probabilities.argmax(-1)] = 1
    return found


def matrix(sums: np.ndarray) -> np.ndarray:
    """Sums of those statistics (..., C * C) as confusion matrices (..., C, C)."""
    classes = math.isqrt(sums.shape[-1])
    return sums.reshape(*sums.shape[:-1], classes, classes)


def recalls(confusion: np.ndarray) -> np.ndarray:
    """Recall of each class, (..., C); NaN for a class without a row."""
    return ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1))


def precisions(confusion: np.ndarray) -> np.ndarray:
    """Precision of each class, (..., C); NaN for a class never predicted."""
    return ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-2))


def f1_scores(confusion: np.ndarray) -> np.ndarray:
    """F1 of each class, (..., C); NaN for a class neither there nor predicted."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return ratio(2 * hits, confusion.sum(-1) + confusion.sum(-2))


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C) of class numbers (N,)."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes).astype(float)


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, NaN where below is not positive."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is defined; NaN where nothing is."""
    return ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(-1))
