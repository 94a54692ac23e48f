"""Macro precision: of each class the share of its answers that are right, averaged over classes."""

import numpy as np

TITLE = "MP"


def statistics(truth, predicted):
    """The cell of the confusion matrix that the row is in, (N, C * C)."""
    classes = truth.probabilities.shape[1]
    return np.eye(classes * classes)[truth.label * classes + predicted.label]


def value(sums):
    """A class that nobody answers has precision 0 (a convention); of no row at all the metric is NaN."""
    classes = int(np.sqrt(sums.shape[-1]))
    cells = sums.reshape(*sums.shape[:-1], classes, classes)
    right, answers = np.diagonal(cells, axis1=-2, axis2=-1), cells.sum(-2)
    precision = np.divide(right, answers, out=np.zeros_like(right), where=answers > 0)
    return np.where(answers.sum(-1) > 0, precision.mean(-1), np.nan)
