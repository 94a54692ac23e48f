"""Random folds of utterances, which share speakers, dialogues and recordings: leaky, for comparison only."""

import random
from collections.abc import Sequence

from emospace.core.manifest import Utterance
from emospace.protocols.splits._rotation import check_count, rotate

LEAKY = True
COVERS = True


def check(folds: int, sides: Sequence[str]) -> None:
    """Require a group of utterances per side."""
    check_count(folds)


def split(rows: Sequence[Utterance], folds: int, *, seed: int) -> list[list[str]]:
    """Rotate over random groups whose sizes differ by at most one row."""
    order = sorted(range(len(rows)), key=lambda i: rows[i].utterance)
    random.Random(seed).shuffle(order)
    fold_of = {row: position % folds for position, row in enumerate(order)}
    return rotate([fold_of[i] for i in range(len(rows))], folds, "random")
