"""Ratios of paired timings: two implementations alternate in one run, so that load of the machine affects both.

A claim meets its target if each of the first LEAST pairs does. Otherwise MOST pairs are measured and a sign test
decides: the target is missed if the number of pairs below it has a probability of less than 5 % under a true median at
the target (10 of 12). A median below the target that is not significant is called open.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

LEAST, MOST = 3, 12  # more than the least only for claims near their targets
CHANCE = 0.05


@dataclass(frozen=True)
class Claim:
    """That the way called `ours` takes at most 1/target of what the one called `naive` takes."""

    name: str
    naive: str
    ours: str
    target: float
    note: str = ""


def wall(work: Callable) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(
    ways: Mapping[str, Callable],
    claims: Sequence[Claim],
    *,
    least: int = LEAST,
    most: int = MOST,
    clock: Callable[[Callable], float] = wall,
) -> list[dict]:
    """Return a row for each claim, from rounds of the implementations that undecided claims need, in the given order.

    least, most: numbers of rounds, fewer for topics that take minutes; with fewer than five no claim can be missed.
    clock: returns the cost of one round, by default wall time in seconds.
    """
    costs: dict[str, list[float]] = {name: [] for name in ways}
    ratios: dict[Claim, list[float]] = {claim: [] for claim in claims}
    for done in range(most):
        open_claims = [claim for claim in claims if done < least or min(ratios[claim]) < claim.target]
        needed = {way for claim in open_claims for way in (claim.naive, claim.ours)}
        for name in filter(needed.__contains__, ways):
            costs[name].append(clock(ways[name]))
        for claim in open_claims:
            ratios[claim].append(costs[claim.naive][-1] / costs[claim.ours][-1])
    return [row(claim, pairs) for claim, pairs in ratios.items()]


def row(claim: Claim, ratios: Sequence[float]) -> dict:
    """Return median, smallest and largest ratio, the number of pairs, and the verdict on the target."""
    spread = {"ratio": median(ratios), "low": min(ratios), "high": max(ratios)}
    facts = {"pairs": len(ratios), "target": claim.target, "verdict": verdict(ratios, claim.target), "note": claim.note}
    return {"name": claim.name} | {key: round(value, 3) for key, value in spread.items()} | facts


def verdict(ratios: Sequence[float], target: float) -> str:
    """Return "met", "missed" or "open", as defined above."""
    below = sum(ratio < target for ratio in ratios)
    tail = sum(comb(len(ratios), k) for k in range(below, len(ratios) + 1)) / 2 ** len(ratios)
    if tail < CHANCE:
        return "missed"
    return "met" if median(ratios) >= target else "open"
