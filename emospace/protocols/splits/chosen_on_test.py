"""Disjoint test groups as in `session` or `actors`, but the test rows serve as dev rows: every choice sees them.

Leaky, for comparison only: next to the clean protocol it shows what choosing on test adds to a score. Train is the same
as in the clean protocol, whose dev rows are left out.
"""

from collections.abc import Sequence
from typing import Literal

from emospace.core.manifest import Utterance
from emospace.protocols.splits import actors, session
from emospace.protocols.splits._rotation import check_count

LEAKY = True
COVERS = True
CLEAN = {"session": session, "actors": actors}
SIDES = {"train": ("train",), "dev": (), "test": ("dev", "test")}


def check(folds: int, sides: Sequence[str], **others) -> None:
    """Require a group per side."""
    check_count(folds)


def split(rows: Sequence[Utterance], folds: int, *, groups: Literal["session", "actors"] = "session") -> list[list]:
    """groups: the clean split."""
    return [[SIDES[side] for side in fold] for fold in CLEAN[groups].split(rows, folds)]
