"""Resamples of whole clusters: bootstrap draws, and the jackknife's leave-one-out samples.

Utterances of one speaker are not independent, so the bootstrap draws clusters of rows, not rows (Field and Welsh 2007).
Every metric is a function of sums over rows, so a resample is a weighted sum of the clusters' sums.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

DRAWS = 10_000  # with ten clusters, 2,000 draws could not give a p below .012


@lru_cache(maxsize=8)
def draw_counts(clusters: int, seed: int, draws: int = DRAWS) -> np.ndarray:
    """How often each draw contains each cluster: (draws, clusters), rows sum to `clusters`. Read-only."""
    probabilities = np.full(clusters, 1 / clusters)
    counts = np.random.default_rng(seed).multinomial(clusters, probabilities, size=draws).astype(float)
    counts.flags.writeable = False
    return counts


def leave_one_out_counts(clusters: int) -> np.ndarray:
    """The same for the samples that omit one cluster each: (clusters, clusters)."""
    return 1 - np.eye(clusters)


def distribution(metric: Callable, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The metric in every resample, averaged over seeds: (draws,).

    sums: sums of statistics, (seeds, clusters, S). counts: how often each resample contains each cluster.
    """
    return np.mean([metric(counts @ of_seed) for of_seed in sums], axis=0)


def seed_noise(per_seed: np.ndarray, seed: int | list[int], draws: int) -> np.ndarray:
    """Deviations of a mean over S seeds when S of them are drawn with replacement: (draws,), zeros for one seed.

    A mean of S draws from S values has (S - 1) / S of the variance of a mean over S new seeds; the deviations are
    scaled up accordingly.
    """
    size = len(per_seed)
    if size == 1:
        return np.zeros(draws)
    counts = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), size=draws)
    return counts @ (per_seed - per_seed.mean()) / size * np.sqrt(size / (size - 1))
