"""Lin's concordance correlation coefficient (CCC, Lin 1989) of a dimension, from sums over rows.

CCC = 2 cov(x, y) / (var x + var y + (mean x - mean y)^2), with variances over N. Rows without a rating do not count.
"""

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from emospace.evaluation.measures import Answers

ROUNDING = 1e-12  # share of the mean square; a smaller spread is rounding


def contract(dimension: int) -> SimpleNamespace:
    """The functions of a metric of one dimension: 0 valence, 1 arousal, 2 dominance."""

    def statistics(truth: "Answers", predicted: "Answers") -> np.ndarray:
        """1, x, y, x^2, y^2, xy of each row, (N, 6), with truth x and prediction y; zeros without a rating."""
        x, y = truth.dimensions[:, dimension], predicted.dimensions[:, dimension]
        known = ~np.isnan(x)
        moments = np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1)
        return np.where(known[:, None], moments, 0.0)

    return SimpleNamespace(statistics=statistics, value=value)


def value(sums: np.ndarray) -> np.ndarray:
    """CCC of sums (..., 6) -> (...); NaN without rows, or if truth and prediction are the same constant."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    size = np.where(n > 0, n, np.nan)
    mean_x, mean_y = x / size, y / size
    covariance = xy / size - mean_x * mean_y
    denominator = xx / size + yy / size - 2 * mean_x * mean_y
    defined = denominator > ROUNDING * (xx / size + yy / size)
    return np.divide(2 * covariance, denominator, out=np.full(np.shape(n), np.nan), where=defined)
