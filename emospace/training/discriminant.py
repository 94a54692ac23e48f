"""Linear discriminant analysis with a shrunk within-class covariance, for many shrinkages at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

NEGLIGIBLE = 1e-10  # share of the largest variance: directions below it are within rounding of no variance


@dataclass(frozen=True)
class Discriminant:
    """Linear scores of K classes, `rows @ coefficients.T + intercept`: coefficients (K, D), intercept (K,)."""

    shrinkage: float
    coefficients: np.ndarray
    intercept: np.ndarray

    def scores(self, table: np.ndarray) -> np.ndarray:
        """Scores (N, K) of rows (N, D)."""
        return table @ self.coefficients.T + self.intercept


def discriminants(table: np.ndarray, labels: np.ndarray, shrinkages: Sequence[float]) -> Iterator[Discriminant]:
    """Yield the discriminant for each shrinkage; softmax of its scores are class probabilities.

    table: (N, D), of comparable scales; labels: (N,), K of them, in sorted order in the result. shrinkages: in (0, 1].
    The covariance is (1 - shrinkage) S + shrinkage trace(S) / D I, as in scikit-learn's LinearDiscriminantAnalysis with
    the solver "lsqr" (Friedman 1989, Regularized Discriminant Analysis). Classes have equal priors and weights in S.
    One decomposition of min(N, D) dimensions serves all shrinkages.
    """
    classes, member = np.unique(labels, return_inverse=True)
    means = np.stack([table[member == k].mean(axis=0) for k in range(len(classes))])
    weights = 1 / (len(classes) * np.bincount(member))
    variances, axes = _principal_axes((table - means[member]) * np.sqrt(weights[member])[:, None])
    mean_variance = variances.sum() / table.shape[1] or 1.0
    along = means @ axes
    across = means - along @ axes.T  # part of the means outside the axes, where S has no variance
    for shrinkage in shrinkages:
        floor = shrinkage * mean_variance
        coefficients = (along / ((1 - shrinkage) * variances + floor)) @ axes.T + across / floor
        yield Discriminant(shrinkage, coefficients, -0.5 * (coefficients * means).sum(axis=1))


def _principal_axes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (R,) and eigenvectors (D, R) of rows.T @ rows other than zero, from the smaller of its two forms."""
    tall = rows.shape[0] >= rows.shape[1]
    values, vectors = np.linalg.eigh(rows.T @ rows if tall else rows @ rows.T)
    kept = values > NEGLIGIBLE * max(values[-1], 0)
    values, vectors = values[kept], vectors[:, kept]
    return values, vectors if tall else rows.T @ vectors / np.sqrt(values)
