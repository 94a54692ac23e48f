"""Resamples of whole clusters: bootstrap draws, and the jackknife's leave-one-out samples.

Utterances of one speaker are not independent, so clusters of rows are drawn, not rows (Field and Welsh 2007). Every
metric is a function of sums over rows, so a resample is a weighted sum of the clusters' sums: no row is looked at.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

DRAWS = 10_000  # with ten clusters, 2,000 draws could not give a p below .012


@lru_cache(maxsize=8)
def weights(clusters: int, seed: int, draws: int = DRAWS) -> np.ndarray:
    """How often each cluster is in each draw: (draws, clusters), rows sum to `clusters`. Read-only."""
    chances = np.full(clusters, 1 / clusters)
    drawn = np.random.default_rng(seed).multinomial(clusters, chances, size=draws).astype(float)
    drawn.flags.writeable = False
    return drawn


def left_out(clusters: int) -> np.ndarray:
    """Weights (clusters, clusters) of the samples that lack one cluster each."""
    return 1 - np.eye(clusters)


def distribution(metric: Callable, sums: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The metric in every resample, averaged over seeds: (draws,). sums: of statistics, (seeds, clusters, S)."""
    return np.mean([metric(drawn @ one) for one in sums], axis=0)


def seed_noise(per_seed: np.ndarray, seed: int | list[int], draws: int) -> np.ndarray:
    """By how much a mean over S seeds moves when S of them are drawn: (draws,), zeros for one seed.

    Drawing from S values gives (S - 1) / S of the variance of a mean of S new ones, which a factor restores.
    """
    size = len(per_seed)
    if size == 1:
        return np.zeros(draws)
    drawn = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), size=draws)
    return drawn @ (per_seed - per_seed.mean()) / size * np.sqrt(size / (size - 1))
