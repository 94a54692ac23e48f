"""Random folds of utterances: shares speakers, dialogues and recordings. Leaky by nature, for comparison only."""

import random
from collections.abc import Sequence

from emospace.core.manifest import Utterance
from emospace.protocols.splits._rotation import check_count, rotate

LEAKY = True
COVERS = True


def check(folds: int, sides: Sequence[str]) -> None:
    """Three sides need three groups of utterances."""
    check_count(folds)


def split(rows: Sequence[Utterance], folds: int, *, seed: int) -> list[list[str]]:
    """Folds that differ in size by at most one row."""
    order = sorted(range(len(rows)), key=lambda i: rows[i].utterance)
    random.Random(seed).shuffle(order)
    fold_of = {row: position % folds for position, row in enumerate(order)}
    return rotate([fold_of[i] for i in range(len(rows))], folds, "random")
