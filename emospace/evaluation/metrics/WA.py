"""Weighted accuracy: the share of rows classified correctly (classes weighted by their number of rows)."""

import numpy as np

from emospace.evaluation.metrics._confusion import matrix, ratio, statistics

__all__ = ["statistics", "value"]
TITLE = "WA"


def value(sums: np.ndarray) -> np.ndarray:
    confusion = matrix(sums)
    return ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum((-2, -1)))
