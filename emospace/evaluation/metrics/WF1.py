"""Weighted F1: the mean F1 over the classes, weighted by their number of rows."""

import numpy as np

from emospace.evaluation.metrics._confusion import f1_scores, matrix, ratio, statistics

__all__ = ["statistics", "value"]
TITLE = "WF1"


def value(sums: np.ndarray) -> np.ndarray:
    confusion = matrix(sums)
    support = confusion.sum(-1)
    return ratio((np.nan_to_num(f1_scores(confusion)) * support).sum(-1), support.sum(-1))
