"""UA, by which training selects classifiers and epochs."""

import math

import numpy as np


def mean_recall(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Unweighted average recall over the classes that occur; NaN without rows. truth, predicted: int (N,)."""
    recalls = [(predicted[truth == label] == label).mean() for label in np.unique(truth)]
    return float(np.mean(recalls)) if recalls else math.nan
