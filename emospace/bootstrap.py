"""Speaker-clustered bootstrap intervals (percentile), and paired comparisons on the same resamples.

Utterances of one speaker are not independent, so speakers are drawn, not utterances (the cluster bootstrap of Field and
Welsh 2007). All metrics are functions of confusion counts, so a draw is a weighted sum of the speakers' counts.
"""

from collections.abc import Callable

import numpy as np

DRAWS = 2000
LEVEL = 0.95


def weights(speakers: int, seed: int, draws: int = DRAWS) -> np.ndarray:
    """How often each speaker is in each draw: (draws, speakers), rows sum to `speakers`."""
    return np.random.default_rng(seed).multinomial(speakers, np.full(speakers, 1 / speakers), size=draws)


def distribution(metric: Callable, counts: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The metric in every draw, (draws,), averaged over seeds. counts: (seeds, speakers, C, C)."""
    return np.nanmean([metric(np.einsum("dp,pij->dij", drawn, one)) for one in counts], axis=0)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The central `LEVEL` of a bootstrap distribution; the only value there is, where all are equal."""
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


def p_value(differences: np.ndarray) -> float:
    """Two-sided bootstrap p of "no difference": twice the smaller share of draws on one side of zero, never 0."""
    draws = len(differences)
    share = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (share + 1) / (draws + 1)))
