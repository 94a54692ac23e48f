"""Mean and standard deviation over time of a feature, as linear models and comparisons with raw features read it."""

import math

import numpy as np

from emospace.core.store import Ragged


def statistics(ragged: Ragged) -> np.ndarray:
    """Mean and standard deviation over the steps of each row, float64 (N, 2 D).

    A missing row is all zeros; a single step has deviation 0.
    """
    lengths = np.maximum(ragged.lengths, 1)[:, None]
    values = np.asarray(ragged.values, np.float64).reshape(len(ragged.values), math.prod(ragged.values.shape[1:]))
    mean = _sums(values, ragged.offsets) / lengths
    centred = values - np.repeat(mean, ragged.lengths, axis=0)
    spread = np.sqrt(_sums(np.square(centred), ragged.offsets) / lengths)
    return np.concatenate([mean, spread], axis=1)


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Sum over the steps of each row, (N, D), computed per row.

    Differences of a running total would be as fast, but their rounding error grows with the row number. Scaled to unit
    deviation, it would leak the position of a row in the table, and tables are often sorted by label.
    """
    sums = np.zeros((len(offsets) - 1, values.shape[1]))
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        sums[filled] = np.add.reduceat(values, offsets[filled], axis=0)
    return sums
