"""The weights with which the paths into the space are summed, fitted on dev.

Scores of several experts add up like logarithms of probabilities (a logarithmic opinion pool: Genest and Zidek 1986).
Their weights cannot be learnt from train rows, which the strongest path knows by heart. A handful of them is fitted to
dev rows instead, by log loss: a path that adds nothing to the others gets weight 0, and the sum is calibrated. A path
without weight beside better ones is all that a row with this input alone has. So each subset of inputs has weights of
its own, fitted with the other inputs hidden.
"""

from itertools import chain, combinations

import numpy as np

MOST = 4  # inputs: up to that many, every subset has weights; above, single inputs and all of them


def subsets(count: int) -> np.ndarray:
    """Subsets of `count` inputs that have weights, bool (S, count): single inputs first, all inputs last."""
    sizes = range(1, count + 1) if count <= MOST else (1, count)
    chosen = chain.from_iterable(combinations(range(count), size) for size in sizes)
    return np.array([[i in subset for i in range(count)] for subset in chosen])


def rows_of_subset(present: np.ndarray, subset: np.ndarray) -> np.ndarray:
    """Rows to fit the weights of a subset on, bool (N,): those with all its inputs; if there are none, with any."""
    complete = present[:, subset].all(1)
    return complete if complete.any() else present[:, subset].any(1)


def fit_weights(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Non-negative weights (P,) of P paths: the minimum of the log loss of their weighted sum, classes weighted alike.

    scores: (N, P, K), zeros for a path that lacks its input; labels: (N,), negative if unknown. Weights of scores of
    unit deviation have a standard normal prior, which N rows outweigh. Without labels, all such weights are 1.
    """
    from scipy.optimize import minimize

    known = labels >= 0
    scores, labels = scores[known].astype(np.float64), labels[known]
    spread = scores.std(axis=(0, 2)) if len(scores) else np.ones(scores.shape[1])
    spread = np.where(spread > 0, spread, 1.0)
    if not len(scores):
        return 1 / spread
    scaled, rows = scores / spread[:, None], np.arange(len(labels))
    share = 1 / np.bincount(labels)[labels]
    share = share / share.sum()

    def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total = np.einsum("npk,p->nk", scaled, weights)
        total = total - total.max(1, keepdims=True)
        log_probability = total - np.log(np.exp(total).sum(1, keepdims=True))
        error = np.exp(log_probability)
        error[rows, labels] -= 1
        loss = -share @ log_probability[rows, labels] + 0.5 * weights @ weights / len(labels)
        return float(loss), np.einsum("npk,nk,n->p", scaled, error, share) + weights / len(labels)

    start = np.full(scaled.shape[1], 1 / np.sqrt(scaled.shape[1]))
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start))
    return found.x / spread
