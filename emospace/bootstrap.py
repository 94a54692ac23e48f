"""Speaker-clustered bootstrap intervals (percentile), and comparisons on the same resamples.

Utterances of one speaker are not independent, so speakers are drawn, not utterances (the cluster bootstrap of Field and
Welsh 2007). All metrics are functions of confusion counts, so a draw is a weighted sum of the speakers' counts:
it never looks at an utterance.
"""

from collections.abc import Callable

import numpy as np

DRAWS = 2000
LEVEL = 0.95


def weights(speakers: int, seed: int, draws: int = DRAWS) -> np.ndarray:
    """How often each speaker is in each draw: (draws, speakers), rows sum to `speakers`."""
    chances = np.full(speakers, 1 / speakers)
    return np.random.default_rng(seed).multinomial(speakers, chances, size=draws).astype(float)


def distribution(metric: Callable, counts: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The metric in every draw, averaged over seeds: (draws, ...). counts: (seeds, speakers, C, C)."""
    size = counts.shape[-1]
    tables = [(drawn @ one.reshape(len(one), -1)).reshape(-1, size, size) for one in counts]
    return np.mean([metric(table) for table in tables], axis=0)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The central `LEVEL` of a bootstrap distribution (draws,). Draws in which the metric is undefined are left out."""
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


def p_value(differences: np.ndarray) -> float:
    """Two-sided bootstrap p of "no difference": twice the smaller share of draws on one side of zero, never 0."""
    share = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (share + 1) / (len(differences) + 1)))
