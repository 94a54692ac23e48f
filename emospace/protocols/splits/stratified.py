"""Random split with the same class shares on every side. The sides share speakers: leaky, for comparison only.

Test rows are drawn first, then dev rows from the rest, as published with some systems.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.option_types import Share

FOLDS = 1
LEAKY = True


def check(folds: int, sides: Sequence[str], *, test: float = 0.2, dev: float = 0.15) -> None:
    """Require a single fold and shares between 0 and 1."""
    if folds != FOLDS:
        raise InputError("folds", f"there is one random split, the protocol has {folds} folds", "set `folds: 1`")
    for name, share in {"test": test, "dev": dev}.items():
        if share >= 1 or (not share and name in sides):
            raise InputError(name, f"it is {share:g}", "give a share between 0 and 1")


def split(rows: Sequence[Utterance], folds: int, *, seed: int, test: Share = 0.2, dev: Share = 0.15) -> list[list[str]]:
    """Draw the sides.

    test: share of all rows; dev: share of the rows that are not test rows. Both numbers of rows are rounded up.
    """
    order = sorted(range(len(rows)), key=lambda i: rows[i].utterance)
    random.Random(seed).shuffle(order)
    sides = ["train"] * len(rows)
    for side, share in {"test": test, "dev": dev}.items():
        for i in _drawn([i for i in order if sides[i] == "train"], rows, share):
            sides[i] = side
    return [sides]


def _drawn(order: Sequence[int], rows: Sequence[Utterance], share: float) -> list[int]:
    """Take the first rows of each class in proportion to its size; largest remainders receive the rows left over."""
    counts = Counter(rows[i].label for i in order)
    quotas = {name: int(count * share) for name, count in counts.items()}
    rest = math.ceil(len(order) * share - 1e-9) - sum(quotas.values())
    for name in sorted(counts, key=lambda name: (quotas[name] - counts[name] * share, name))[:rest]:
        quotas[name] += 1
    drawn = []
    for i in order:
        if quotas[rows[i].label]:
            quotas[rows[i].label] -= 1
            drawn.append(i)
    return drawn
