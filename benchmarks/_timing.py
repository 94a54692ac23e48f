"""Ratios of paired timings: two implementations alternate in one run, so that load on the machine affects both.

A claim meets its target if each of the first LEAST pairs does. Otherwise MOST pairs are measured, and a one-sided sign
test decides. The target is missed if so many pairs below it would have a probability of less than 5 % with the true
median at the target (10 of 12). If the target is not missed but the median is below it, the verdict is "open".
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

LEAST, MOST = 3, 12  # pairs; more than LEAST only for claims with a pair below the target
CHANCE = 0.05


@dataclass(frozen=True)
class Claim:
    """The claim that the implementation `ours` costs at most 1/target of what the baseline `naive` costs."""

    name: str
    naive: str
    ours: str
    target: float
    note: str = ""


def wall(work: Callable) -> float:
    """Return the wall time of a call in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cpu(work: Callable) -> float:
    """Return the processor time of a call in this process in seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(
    ways: Mapping[str, Callable],
    claims: Sequence[Claim],
    *,
    least: int = LEAST,
    most: int = MOST,
    clock: Callable[[Callable], float] = wall,
) -> list[dict]:
    """Run the implementations in rounds, in the given order, and return a row for each claim.

    A round runs only the implementations that an undecided claim needs. least, most: numbers of rounds, lower for
    topics that take minutes; with fewer than five rounds no claim can be missed. clock: returns the cost of one call,
    by default its wall time in seconds.
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
    """Return "met", "missed" or "open", as the docstring of the module defines them."""
    below = sum(ratio < target for ratio in ratios)
    tail = sum(comb(len(ratios), k) for k in range(below, len(ratios) + 1)) / 2 ** len(ratios)
    if tail < CHANCE:
        return "missed"
    return "met" if median(ratios) >= target else "open"
