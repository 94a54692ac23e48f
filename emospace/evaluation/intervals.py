"""Intervals and p-values from few clusters and few seeds. No other module chooses the method; see docs/statistics.md.

From `MIN_BOOTSTRAP` clusters on: cluster bootstrap, percentiles widened by Student's t (expanded percentile, Hesterberg
2015). From `MIN_JACKKNIFE` on: leave-one-cluster-out jackknife with Student's t. Below that: no interval, because no
method holds its level there. Degrees of freedom follow Welch and Satterthwaite, from the variance between clusters and
the variance between the seeds of each run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from emospace.evaluation import bootstrap

LEVEL = 0.95
MIN_JACKKNIFE, MIN_BOOTSTRAP = 5, 10  # clusters
TAIL_DRAWS = 10  # a percentile with fewer draws beyond it is extrapolated
DIGITS = 12  # differences beyond this decimal are rounding


@dataclass(frozen=True)
class Estimate:
    """A value with its interval and the p-value of "it is zero"; None where undefined.

    at_most: p is the smallest value that the draws can give, an upper bound. df: degrees of freedom.
    """

    value: float | None
    clusters: int
    lo: float | None = None
    hi: float | None = None
    p: float | None = None
    at_most: bool = False
    df: float | None = None


def method(clusters: int) -> str:
    """The method for that many clusters: "bootstrap", "jackknife", or "" for none."""
    return "" if clusters < MIN_JACKKNIFE else "jackknife" if clusters < MIN_BOOTSTRAP else "bootstrap"


def described(clusters: int, unit: str) -> str:
    """A sentence that names the method. unit: "speaker", "session" or "group"."""
    count = f"{clusters} {unit}{'s' if clusters != 1 else ''}"
    return {
        "bootstrap": f"95 % intervals: bootstrap over {count}, percentiles widened by Student's t",
        "jackknife": f"95 % intervals: leave-one-out jackknife over {count}, with Student's t",
        "": f"no intervals or p-values: {count}; fewer than {MIN_JACKKNIFE} do not show how much {unit}s differ",
    }[method(clusters)]


def estimate(
    metric: Callable, table: np.ndarray, baseline: np.ndarray | None = None, *, seed: int, draws: int = bootstrap.DRAWS
) -> Estimate:
    """A metric, averaged over seeds, or its difference from a baseline on the same resamples.

    metric: sums of statistics (..., S) -> (...). table, baseline: such sums, (seeds, clusters, S). Clusters whose sums
    are all zero carry no information and are left out.
    """
    tables = [sums for sums in (table, baseline) if sums is not None]
    filled = np.any([sums.any((0, 2)) for sums in tables], axis=0)
    tables = [sums[:, filled] for sums in tables]
    per_seed = [metric(sums.sum(1)) for sums in tables]
    value, clusters = _difference([values.mean() for values in per_seed]), int(filled.sum())
    if np.isnan(value) or not method(clusters):
        return Estimate(None if np.isnan(value) else float(value), clusters)
    several = [values for values in per_seed if len(values) > 1]
    variances = [float(values.var(ddof=1) / len(values)) for values in several]
    freedoms = [clusters - 1, *(len(values) - 1 for values in several)]
    if method(clusters) == "jackknife":
        resampled = _resampled(metric, tables, bootstrap.leave_one_out_counts(clusters))
        return _jackknife(float(value), resampled, variances, freedoms)
    resampled = _resampled(metric, tables, bootstrap.draw_counts(clusters, seed, draws))
    noise = [bootstrap.seed_noise(values, [seed, k], draws) for k, values in enumerate(per_seed)]
    return _bootstrap(float(value), resampled, _difference(noise), variances, freedoms)


def _difference(parts: Sequence):
    return parts[0] if len(parts) == 1 else np.round(parts[0] - parts[1], DIGITS)


def _resampled(metric: Callable, tables: Sequence[np.ndarray], counts: np.ndarray) -> np.ndarray:
    return _difference([bootstrap.distribution(metric, sums, counts) for sums in tables])


def degrees_of_freedom(variances: Sequence[float], freedoms: Sequence[int]) -> float:
    """Degrees of freedom of a sum of estimated variances (Welch 1947, Satterthwaite 1946)."""
    parts = sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    return float(sum(variances) ** 2 / parts if parts else freedoms[0])


def _lower_quantile(df: float) -> float:
    """Quantile of Student's t at the lower end of the interval."""
    return float(stdtrit(df, (1 - LEVEL) / 2))


def _jackknife(value: float, resampled: np.ndarray, variances: list[float], freedoms: list[int]) -> Estimate:
    clusters = len(resampled)
    if np.isnan(resampled).any():
        return Estimate(value, clusters)
    variances = [float((clusters - 1) * resampled.var()), *variances]
    df, error = degrees_of_freedom(variances, freedoms), float(np.sqrt(sum(variances)))
    lo, hi = (value + sign * _lower_quantile(df) * error for sign in (1, -1))
    if error < 10**-DIGITS:  # clusters that agree to the last digit give no scale to judge a difference by
        return Estimate(value, clusters, lo, hi, None if value else 1.0, df=df)
    return Estimate(value, clusters, lo, hi, float(2 * stdtr(df, -abs(value) / error)), df=df)


def _bootstrap(
    value: float, resampled: np.ndarray, noise: np.ndarray, variances: list[float], freedoms: list[int]
) -> Estimate:
    clusters, defined = freedoms[0] + 1, ~np.isnan(resampled)
    between_clusters = float(resampled[defined].var()) * clusters / (clusters - 1)
    df, drawn = degrees_of_freedom([between_clusters, *variances], freedoms), (resampled + noise)[defined]
    # The draws have (n - 1) / n of the variance between n clusters, and all of the variance between seeds.
    total = between_clusters + sum(variances)
    widening = np.sqrt(total / (total - between_clusters / clusters) if total else clusters / (clusters - 1))
    lo, hi = (_percentile(value, drawn, sign * _lower_quantile(df) * widening) for sign in (1, -1))
    count = min((drawn <= 0).sum(), (drawn >= 0).sum())
    share = min(0.5, (count + 1) / (len(drawn) + 1))
    return Estimate(value, clusters, lo, hi, float(2 * stdtr(df, ndtri(share) / widening)), bool(count == 0), df)


def _percentile(value: float, drawn: np.ndarray, score: float) -> float:
    """The percentile at a normal score; beyond the last `TAIL_DRAWS` draws, extrapolated linearly from the value."""
    last = -ndtri(TAIL_DRAWS / (len(drawn) + 1))
    near = np.clip(score, -last, last)
    return float(value + (np.percentile(drawn, 100 * ndtr(near)) - value) * score / near)


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979), in the given order."""
    order = sorted(range(len(values)), key=values.__getitem__)
    steps = accumulate((min(1.0, (len(values) - k) * values[i]) for k, i in enumerate(order)), max)
    return [p for _, p in sorted(zip(order, steps, strict=True))]
