"""Unweighted accuracy: the mean recall over the classes that occur."""

import numpy as np

from emospace.evaluation.metrics._confusion import matrix, mean, recalls, statistics

__all__ = ["statistics", "value"]
TITLE = "UA"


def value(sums: np.ndarray) -> np.ndarray:
    return mean(recalls(matrix(sums)))
