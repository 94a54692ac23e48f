"""Calibration of class probabilities by one temperature (Guo et al. 2017, arXiv 1706.04599)."""

import numpy as np

BOUNDS = np.log([0.1, 100.0])  # of the temperature's logarithm; few rows, all of them right, would push it to 0


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities (N, K) of scores (N, K)."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """The divisor of the scores that minimises their log loss, 1 if no label is known.

    scores: (N, K); labels: (N,), columns of the true classes, negative if unknown.
    """
    from scipy.optimize import minimize_scalar

    known = labels >= 0
    if not known.any():
        return 1.0
    scores, labels = scores[known], labels[known]

    def log_loss(logarithm: float) -> float:
        divided = scores * np.exp(-logarithm)
        divided = divided - divided.max(axis=1, keepdims=True)
        own = divided[np.arange(len(labels)), labels]
        return float((np.log(np.exp(divided).sum(axis=1)) - own).mean())

    return float(np.exp(minimize_scalar(log_loss, bounds=BOUNDS, method="bounded").x))
