"""One random split of utterances by shares, without regard to classes. The sides share speakers and dialogues: leaky,
for comparison only.

Test rows are drawn first, then dev rows from the rest, as published with some systems.
"""

import math
import random
from collections.abc import Sequence

from emospace.core.manifest import Utterance
from emospace.core.option_types import Share
from emospace.protocols.splits import stratified

FOLDS = 1
LEAKY = True


def check(folds: int, sides: Sequence[str], *, test: float = 0.2, dev: float = 0.25) -> None:
    """Require a single fold and shares between 0 and 1."""
    stratified.check(folds, sides, test=test, dev=dev)


def split(rows: Sequence[Utterance], folds: int, *, seed: int, test: Share = 0.2, dev: Share = 0.25) -> list[list[str]]:
    """Draw the sides.

    test: share of all rows; dev: share of the rows that are not test rows. Both numbers of rows are rounded up, so that
    the defaults give 60, 20 and 20 %.
    """
    order = sorted(range(len(rows)), key=lambda i: rows[i].utterance)
    random.Random(seed).shuffle(order)
    tested = math.ceil(len(order) * test - 1e-9)
    held = tested + math.ceil((len(order) - tested) * dev - 1e-9)
    sides = ["train"] * len(rows)
    for place, i in enumerate(order[:held]):
        sides[i] = "test" if place < tested else "dev"
    return [sides]
