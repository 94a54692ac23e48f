"""Disjoint test groups as in `session` or `actors`, but the test rows also serve as dev rows for model selection.

Leaky, for comparison only: beside the clean protocol it shows how much selection on test adds to a score. The train
rows are those of the clean protocol, whose dev rows are unused.
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
    """Require at least three folds, one group per side."""
    check_count(folds)


def split(rows: Sequence[Utterance], folds: int, *, groups: Literal["session", "actors"] = "session") -> list[list]:
    """Replace dev by test in a clean split. groups: name of that split."""
    return [[SIDES[side] for side in fold] for fold in CLEAN[groups].split(rows, folds)]
