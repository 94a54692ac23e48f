"""Statistics over the steps of an input, which the linear paths read and the decoders reconstruct.

Beside the mean and the standard deviation, long inputs have the means of the lowest and of the highest eighth of the
steps, for each dimension on its own. They say what the strongest moments were like, which a mean over silence and
speech dilutes (docs/model.md). Unlike the minimum and the maximum, they do not depend on one step.
"""

import numpy as np

from emospace.core.store import Ragged

MEAN, DEVIATION = 0, 1
BASIC, ALL = 2, 4  # number of statistics, without and with the two tails
TAIL = 8  # a tail has 1 / TAIL of the steps, at least one


def statistics(ragged: Ragged, count: int, max_steps: int) -> np.ndarray:
    """The first `count` of mean, deviation, lower tail and upper tail of each row, float32 (N, count, D).

    Rows are truncated to `max_steps`; a row without steps is NaN. `count` is BASIC or ALL.
    """
    table = np.full((len(ragged), count, ragged.values.shape[1]), np.nan, np.float32)
    for row, (start, length) in enumerate(zip(ragged.offsets, ragged.lengths, strict=False)):
        if length:
            values = np.asarray(ragged.values[start : start + min(length, max_steps)], np.float32)
            table[row, :BASIC] = values.mean(0, dtype=np.float64), values.std(0, dtype=np.float64)
            if count > BASIC:
                table[row, BASIC:] = _tails(values)
    return table


def _tails(values: np.ndarray) -> np.ndarray:
    """Means of the lowest and of the highest steps of each dimension, (2, D)."""
    ordered, size = np.sort(values, axis=0), max(1, round(len(values) / TAIL))
    return np.stack([ordered[:size].mean(0), ordered[-size:].mean(0)])
