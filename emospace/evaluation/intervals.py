"""Intervals and p-values from few clusters and few seeds. Here alone it is decided how; docs/statistics.md says why.

From `MANY` clusters on: cluster bootstrap, percentiles widened by Student's t (Hesterberg 2015, expanded percentile).
From `FEW` on: leave-one-cluster-out jackknife with Student's t. Below: nothing, for nothing holds its level there.
Degrees of freedom are those of Welch and Satterthwaite over the variances of the clusters and of each run's seeds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from emospace.evaluation import bootstrap

LEVEL = 0.95
FEW, MANY = 5, 10
SURE = 10  # draws beyond a percentile that is read directly; further out it is extrapolated
DIGITS = 12  # what differs later is rounding


@dataclass(frozen=True)
class Estimate:
    """A value with its interval and the p of "it is zero"; None where it is not defined.

    at_most: p is the smallest that the draws can give, so the true one is at most that. df: degrees of freedom.
    """

    value: float | None
    clusters: int
    lo: float | None = None
    hi: float | None = None
    p: float | None = None
    at_most: bool = False
    df: float | None = None


def method(clusters: int) -> str:
    """How an interval over so many clusters is made: "bootstrap", "jackknife", or "" for none."""
    return "" if clusters < FEW else "jackknife" if clusters < MANY else "bootstrap"


def described(clusters: int, unit: str) -> str:
    """The same in a sentence for people. unit: "speaker" or "session"."""
    of = f"{clusters} {unit}{'s' if clusters != 1 else ''}"
    return {
        "bootstrap": f"95 % intervals: bootstrap over {of}, percentiles widened by Student's t",
        "jackknife": f"95 % intervals: jackknife over {of}, one left out at a time, with Student's t",
        "": f"no interval and no p: {of}, and fewer than {FEW} do not tell how much {unit}s differ",
    }[method(clusters)]


def estimate(
    metric: Callable, table: np.ndarray, baseline: np.ndarray | None = None, *, seed: int, draws: int = bootstrap.DRAWS
) -> Estimate:
    """A metric, mean over seeds, or its difference to a baseline on the same resamples.

    metric: sums of statistics (..., S) -> (...). table, baseline: such sums, (seeds, clusters, S). Clusters of which
    all are zero tell nothing and are left out.
    """
    tables = [one for one in (table, baseline) if one is not None]
    filled = np.any([one.any((0, 2)) for one in tables], axis=0)
    tables = [one[:, filled] for one in tables]
    per_seed = [metric(one.sum(1)) for one in tables]
    value, clusters = _difference([one.mean() for one in per_seed]), int(filled.sum())
    if np.isnan(value) or not method(clusters):
        return Estimate(None if np.isnan(value) else float(value), clusters)
    several = [one for one in per_seed if len(one) > 1]
    variances = [float(one.var(ddof=1) / len(one)) for one in several]
    freedoms = [clusters - 1, *(len(one) - 1 for one in several)]
    if method(clusters) == "jackknife":
        return _jackknifed(float(value), _resampled(metric, tables, bootstrap.left_out(clusters)), variances, freedoms)
    resampled = _resampled(metric, tables, bootstrap.weights(clusters, seed, draws))
    noise = [bootstrap.seed_noise(one, [seed, k], draws) for k, one in enumerate(per_seed)]
    return _bootstrapped(float(value), resampled, _difference(noise), variances, freedoms)


def _difference(parts: Sequence):
    return parts[0] if len(parts) == 1 else np.round(parts[0] - parts[1], DIGITS)


def _resampled(metric: Callable, tables: Sequence[np.ndarray], drawn: np.ndarray) -> np.ndarray:
    return _difference([bootstrap.distribution(metric, one, drawn) for one in tables])


def freedom(variances: Sequence[float], freedoms: Sequence[int]) -> float:
    """Degrees of freedom of a sum of estimated variances (Welch 1947, Satterthwaite 1946)."""
    parts = sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    return float(sum(variances) ** 2 / parts if parts else freedoms[0])


def _quantile(df: float) -> float:
    """Of Student's t, at the lower end of the interval."""
    return float(stdtrit(df, (1 - LEVEL) / 2))


def _jackknifed(value: float, resampled: np.ndarray, variances: list[float], freedoms: list[int]) -> Estimate:
    clusters = len(resampled)
    if np.isnan(resampled).any():
        return Estimate(value, clusters)
    variances = [float((clusters - 1) * resampled.var()), *variances]
    df, error = freedom(variances, freedoms), float(np.sqrt(sum(variances)))
    lo, hi = (value + sign * _quantile(df) * error for sign in (1, -1))
    if error < 10**-DIGITS:  # clusters that agree to the last digit give no scale to measure a difference by
        return Estimate(value, clusters, lo, hi, None if value else 1.0, df=df)
    return Estimate(value, clusters, lo, hi, float(2 * stdtr(df, -abs(value) / error)), df=df)


def _bootstrapped(
    value: float, resampled: np.ndarray, noise: np.ndarray, variances: list[float], freedoms: list[int]
) -> Estimate:
    clusters, defined = freedoms[0] + 1, ~np.isnan(resampled)
    own = float(resampled[defined].var()) * clusters / (clusters - 1)
    df, drawn = freedom([own, *variances], freedoms), (resampled + noise)[defined]
    # The draws have (n - 1) / n of the variance between n clusters, and all of that between seeds.
    total = own + sum(variances)
    widening = np.sqrt(total / (total - own / clusters) if total else clusters / (clusters - 1))
    lo, hi = (_percentile(value, drawn, sign * _quantile(df) * widening) for sign in (1, -1))
    count = min((drawn <= 0).sum(), (drawn >= 0).sum())
    share = min(0.5, (count + 1) / (len(drawn) + 1))
    return Estimate(value, clusters, lo, hi, float(2 * stdtr(df, ndtri(share) / widening)), bool(count == 0), df)


def _percentile(value: float, drawn: np.ndarray, score: float) -> float:
    """The percentile at a normal score; beyond the last `SURE` draws, on its straight line from the value."""
    last = -ndtri(SURE / (len(drawn) + 1))
    near = np.clip(score, -last, last)
    return float(value + (np.percentile(drawn, 100 * ndtr(near)) - value) * score / near)


def holm(values: Sequence[float]) -> list[float]:
    """p-values of one table, corrected for their number (Holm 1979), in the order given."""
    order = sorted(range(len(values)), key=values.__getitem__)
    steps = accumulate((min(1.0, (len(values) - k) * values[i]) for k, i in enumerate(order)), max)
    return [p for _, p in sorted(zip(order, steps, strict=True))]
