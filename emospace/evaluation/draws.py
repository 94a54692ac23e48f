"""Scores over several draws of train rows: the draws are repeated trainings on the same test rows.

Each draw is one value: the mean over its seeds, or the difference of two such means. `estimate` averages draws as it
averages seeds, so the interval covers speakers, draws and the seeds within them. Two systems that learn from the same
rows share the luck of a draw; their difference is taken within each draw.
"""

from collections.abc import Callable, Sequence

import numpy as np

from emospace.evaluation.intervals import Estimate, estimate


def pooled(metric: Callable, tables: Sequence[np.ndarray], baselines: Sequence[np.ndarray] = (), **options) -> Estimate:
    """A metric, averaged over draws and seeds, or its difference from a baseline on the same draws.

    metric: sums of statistics (..., S) -> (...). tables, baselines: such sums, (seeds, clusters, S), one per draw; all
    draws of a side have the same number of seeds. options: those of `estimate`. With one draw, the seeds of that draw
    take the place of draws.
    """
    if len(tables) == 1:
        return estimate(metric, tables[0], *baselines, **options)
    seeds, width = len(tables[0]), tables[0].shape[-1]
    rows = [np.concatenate(pair) for pair in zip(tables, baselines, strict=True)] if baselines else tables
    stacked = np.stack([np.moveaxis(sums, 0, 1).reshape(sums.shape[1], -1) for sums in rows])

    def value(sums: np.ndarray) -> np.ndarray:
        values = metric(sums.reshape(*sums.shape[:-1], -1, width))
        mine, others = values[..., :seeds].mean(-1), values[..., seeds:]
        return mine - others.mean(-1) if baselines else mine

    return estimate(value, stacked, **options)
