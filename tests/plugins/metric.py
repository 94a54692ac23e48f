"""Macro precision: the fraction of correct predictions of each class, averaged over classes."""

import numpy as np

TITLE = "MP"


def statistics(truth, predicted):
    """Return the cell of the confusion matrix for each row, one-hot, (N, C * C)."""
    classes = truth.probabilities.shape[1]
    return np.eye(classes * classes)[truth.label * classes + predicted.label]


def value(sums):
    """Return the macro precision. A class that is never predicted counts as 0; without rows the result is NaN."""
    classes = int(np.sqrt(sums.shape[-1]))
    cells = sums.reshape(*sums.shape[:-1], classes, classes)
    right, answers = np.diagonal(cells, axis1=-2, axis2=-1), cells.sum(-2)
    precision = np.divide(right, answers, out=np.zeros_like(right), where=answers > 0)
    return np.where(answers.sum(-1) > 0, precision.mean(-1), np.nan)
