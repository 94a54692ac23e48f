"""Train on fewer rows: draw some of the train rows of a fold, for a learning curve.

A draw puts all train rows of a fold in an order of which every beginning is balanced, and keeps as many as the protocol
asks for. So the 90 rows of a draw are among the 180 of the same draw, whatever the names of their protocols.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.assignment import Sides

Fold = Sequence[Sides]  # the sides of each row


@dataclass(frozen=True)
class Draw:
    """rows: number of train rows to keep in each fold. number: which of the draws, 1, 2, ..."""

    rows: int
    number: int


def of_protocol(spec: dict) -> Draw | None:
    """The draw that a protocol or its recipe asks for, None if it trains on all rows."""
    return Draw(spec["train_rows"], spec.get("draw", 1)) if "train_rows" in spec else None


def drawn(folds: Sequence[Fold], rows: Sequence[Utterance], draw: Draw, *, seed: int, where: str) -> list[list[Sides]]:
    """The same folds without the train rows that are not drawn; other sides stay as they are.

    rows: with their classes as labels. A drawn row occurs once, even if the split repeats it. seed: of the config;
    the draws of two folds, and two draws of one fold, are independent. where: named in errors. Raises InputError for a
    fold with too few train rows.
    """
    return [_of_fold(k, fold, rows, draw, seed, where) for k, fold in enumerate(folds)]


def _of_fold(number: int, fold: Fold, rows: Sequence[Utterance], draw: Draw, seed: int, where: str) -> list[Sides]:
    train = [i for i, sides in enumerate(fold) if "train" in sides]
    if len(train) < draw.rows:
        reason = f"fold {number} has {len(train)} train rows, fewer than train_rows: {draw.rows}"
        raise InputError(where, reason, f"set train_rows to {len(train)} or fewer, or leave it out to train on all")
    order = ordered([rows[i] for i in train], random.Random(f"{seed} {draw.number} {number}"))
    kept = {train[i] for i in order[: draw.rows]}
    return [["train"] if i in kept else [] if "train" in sides else list(sides) for i, sides in enumerate(fold)]


def ordered(rows: Sequence[Utterance], chance: random.Random) -> list[int]:
    """Indices of all rows in an order of which every beginning is balanced by class, then by speaker.

    Classes take turns until their rows are used up. Each takes a row of the speaker with the fewest rows so far; among
    several, of the one with the fewest rows of this class. `chance` decides the rest. The order of `rows` does not
    matter.
    """
    piles: dict[str, dict[str, list[int]]] = {}  # class -> speaker -> indices of its rows
    for i in sorted(range(len(rows)), key=lambda i: rows[i].utterance):
        piles.setdefault(rows[i].label, {}).setdefault(rows[i].speaker, []).append(i)
    cells = [(label, speaker) for label in sorted(piles) for speaker in sorted(piles[label])]
    for label, speaker in cells:
        chance.shuffle(piles[label][speaker])
    tie = {cell: chance.random() for cell in cells}
    turns = chance.sample(sorted(piles), len(piles))
    order: list[int] = []
    total, of_class = Counter(), Counter()  # rows in the order, by speaker, and by class and speaker
    while len(order) < len(rows):
        for label in filter(piles.get, turns):
            speaker = min(piles[label], key=lambda s, c=label: (total[s], of_class[c, s], tie[c, s]))
            order.append(piles[label][speaker].pop())
            total[speaker] += 1
            of_class[label, speaker] += 1
            if not piles[label][speaker]:
                del piles[label][speaker]
    return order
