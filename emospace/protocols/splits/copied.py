"""Random split after copying the rows of rare classes, as published with some systems: leaky, for comparison only.

Copies of one row may be on both sides. The test rows also serve as dev rows, because such publications select models on
them; for `dev: false`, declare `without: [dev]`.
"""

import math
import random
from collections.abc import Sequence

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.option_types import Count, Share

FOLDS = 1
LEAKY = True


def check(folds: int, sides: Sequence[str], *, test: float = 0.2, **others) -> None:
    """Require a single fold and a test share between 0 and 1."""
    if folds != FOLDS:
        raise InputError("folds", f"there is one random split, the protocol has {folds} folds", "set `folds: 1`")
    if not 0 < test < 1:
        raise InputError("test", f"it is {test:g}", "give a share between 0 and 1")


def split(
    rows: Sequence[Utterance],
    folds: int,
    *,
    seed: int,
    copies: dict[str, Count] = {},  # noqa: B006, never changed
    test: Share = 0.2,
    dev: bool = True,
) -> list[list[list[str]]]:
    """Shuffle all rows with their copies; the first are test, the others train.

    copies: class -> how often its rows occur. test: share of the test side. dev: whether test rows are dev rows too.
    Raises InputError for an unknown class.
    """
    if unknown := copies.keys() - {row.label for row in rows}:
        known = ", ".join(sorted({row.label for row in rows}))
        raise InputError("copies", f"{min(unknown)!r} is not a class of the protocol", f"the classes are {known}")
    order = sorted(range(len(rows)), key=lambda i: rows[i].utterance)
    drawn = [i for i in order for _ in range(copies.get(rows[i].label, 1))]
    random.Random(seed).shuffle(drawn)
    tested = math.ceil(len(drawn) * test)
    sides: list[list[str]] = [[] for _ in rows]
    for place, i in enumerate(drawn):
        sides[i] += (["dev", "test"] if dev else ["test"]) if place < tested else ["train"]
    return [sides]
