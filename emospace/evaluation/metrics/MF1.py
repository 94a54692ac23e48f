"""Macro F1: the mean F1 over the classes that occur or are predicted."""

import numpy as np

from emospace.evaluation.metrics._confusion import f1_scores, matrix, mean, statistics

__all__ = ["statistics", "value"]
TITLE = "MF1"


def value(sums: np.ndarray) -> np.ndarray:
    return mean(f1_scores(matrix(sums)))
