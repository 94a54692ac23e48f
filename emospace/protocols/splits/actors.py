"""Folds of disjoint actors, balanced by sex and class: one fold is test, the next one dev, the others train."""

from collections.abc import Sequence

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.splits._rotation import LEAST, check_count, rotate

FOLDS = 6
COVERS = True


def check(folds: int, sides: Sequence[str]) -> None:
    """Require a group of actors per side."""
    check_count(folds)


def split(rows: Sequence[Utterance], folds: int) -> list[list[str]]:
    """Rotate over groups of actors. Raises InputError for fewer actors than folds."""
    from emospace.protocols.splits._dealing import deal

    names = {row.speaker for row in rows}
    if len(names) < folds or folds < LEAST:
        reason = f"{len(names)} actors cannot make {folds} folds"
        raise InputError("split: actors", reason, f"set {LEAST} <= folds <= actors")
    fold_of = deal(rows, folds)
    return rotate([fold_of[row.speaker] for row in rows], folds, "actors")
