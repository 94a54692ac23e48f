"""Unweighted accuracy: the mean recall of the classes that have rows."""

import numpy as np

from emospace.evaluation.metrics._confusion import matrix, mean, recalls, statistics

__all__ = ["statistics", "value"]
TITLE = "UA"


def value(sums: np.ndarray) -> np.ndarray:
    return mean(recalls(matrix(sums)))
