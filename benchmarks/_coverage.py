"""Coverage of intervals and rejection rates of p-values in simulated corpora: the table of docs/statistics.md.

`python -m benchmarks._coverage [worlds]` prints the table, from 1,000 worlds by default, with 1,000 draws each.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from emospace.evaluation.intervals import Estimate, estimate
from emospace.evaluation.metrics import UA


@dataclass(frozen=True)
class World:
    """A test corpus and two equally good systems. Standard deviations are those of the logit of a correct answer.

    spread: between speakers. session: between sessions, each of which has `partners` speakers. own: between the two
    systems, for each speaker. main, cross: between seeds of a system, for all speakers alike and for each speaker.
    rows: per speaker.
    """

    speakers: int
    rows: int
    classes: int
    spread: float
    own: float = 0.15
    partners: int = 1
    session: float = 0.0
    seeds: int = 1
    main: float = 0.0
    cross: float = 0.0
    recall: tuple[float, float] = (0.45, 0.75)  # of the hardest and the easiest class, for an average speaker


IEMOCAP = World(10, 553, 4, 0.21)
RAVDESS = World(24, 60, 4, 0.42)
WORLDS = {
    "5 sessions of 2 speakers, effect .2": replace(IEMOCAP, partners=2, session=0.2),
    "5 sessions of 2 speakers, effect .35": replace(IEMOCAP, partners=2, session=0.35),
    "5 sessions of 2 speakers, 15 rows each": replace(IEMOCAP, partners=2, session=0.2, rows=15),
    "6 speakers": replace(RAVDESS, speakers=6),
    "9 speakers": replace(RAVDESS, speakers=9),
    "10 speakers": replace(RAVDESS, speakers=10),
    "10 speakers, 553 rows each": IEMOCAP,
    "18 speakers": replace(RAVDESS, speakers=18),
    "24 speakers": RAVDESS,
    "60 speakers": replace(RAVDESS, speakers=60),
}
RESAMPLES = 8  # sets of draws, used in turn: a new set for each world would take longer than all the rest
NOISE = {"seeds": 3, "main": 0.15, "cross": 0.15}
SEEDS = {
    "5 sessions of 2 speakers": replace(IEMOCAP, partners=2, session=0.2, **NOISE),
    "10 speakers": replace(RAVDESS, speakers=10, **NOISE),
    "24 speakers": replace(RAVDESS, **NOISE),
    "24 speakers, main effect alone": replace(RAVDESS, seeds=3, main=0.2),
    "24 speakers, no effect of seeds": replace(RAVDESS, seeds=3),
}


def logits(world: World) -> np.ndarray:
    low, high = (np.log(p / (1 - p)) for p in world.recall)
    return np.linspace(low, high, world.classes)


@cache
def truth(world: World) -> float:
    """Return the expected UA over the populations of speakers, sessions and seeds, by numerical integration."""
    deviation = np.sqrt(sum(d**2 for d in (world.spread, world.own, world.session, world.main, world.cross)))
    grid = np.linspace(-6, 6, 2001)
    density = np.exp(-(grid**2) / 2)
    right = 1 / (1 + np.exp(-(logits(world)[:, None] + deviation * grid)))
    return float((right.mean(0) * density).sum() / density.sum())


def tables(world: World, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield confusion counts (seeds, speakers, C, C) of equally good systems on the same speakers, without end."""
    shared = random.normal(0, world.spread, world.speakers)
    shared += np.repeat(random.normal(0, world.session, world.speakers // world.partners), world.partners)
    while True:
        skill = shared + random.normal(0, world.own, world.speakers) + random.normal(0, world.main, (world.seeds, 1))
        skill = skill + random.normal(0, world.cross, (world.seeds, world.speakers))
        right = 1 / (1 + np.exp(-(skill[..., None] + logits(world))))
        yield counts(world, right, random)


def counts(world: World, right: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw confusion counts: class sizes differ by at most one, and every error goes to the next class."""
    each = np.full(world.classes, world.rows // world.classes) + (np.arange(world.classes) < world.rows % world.classes)
    hits, size = random.binomial(each, right), world.classes
    confusions = np.zeros((*hits.shape, size))
    confusions[..., range(size), range(size)] = hits
    confusions[..., range(size), np.roll(range(size), -1)] = each - hits
    return confusions


def by_session(world: World, table: np.ndarray) -> np.ndarray:
    """Sum the speakers' counts by cluster: by session if speakers have partners, otherwise by speaker."""
    seeds, speakers, *size = table.shape
    return table.reshape(seeds, speakers // world.partners, world.partners, *size).sum(2)


def simulate(
    world: World, worlds: int, draws: int, seed: int = 1, view: Callable = by_session
) -> list[tuple[Estimate, Estimate]]:
    """Return for each world the estimates of a system's UA and of its difference from an equally good system.

    view: maps the speakers' counts to those of the clusters.
    """
    estimates = []
    for number in range(worlds):
        made = tables(world, np.random.default_rng([seed, number]))
        one, other = (
            table.reshape(*table.shape[:2], -1) for table in (view(world, next(made)), view(world, next(made)))
        )
        how = {"seed": number % RESAMPLES, "draws": draws}
        estimates.append((estimate(UA.value, one, **how), estimate(UA.value, one, other, **how)))
    return estimates


def covered(estimates: Sequence[tuple[Estimate, Estimate]], value: float) -> float:
    return float(np.mean([one.lo <= value <= one.hi for one, _ in estimates]))


def rejected(estimates: Sequence[tuple[Estimate, Estimate]]) -> float:
    return float(np.mean([pair.p is not None and pair.p < 0.05 for _, pair in estimates]))


def main() -> None:
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("| simulated corpus | seeds | coverage | p < .05 for equal systems |\n| --- | --- | --- | --- |")
    for name, world in [*WORLDS.items(), *SEEDS.items()]:
        estimates = simulate(world, worlds, 1000)
        rates = 100 * covered(estimates, truth(world)), 100 * rejected(estimates)
        print(f"| {name} | {world.seeds} | {rates[0]:.1f} | {rates[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
