"""Nested leave-one-session-out: session i is test, the next one dev, the others train."""

from collections.abc import Sequence

from emospace.core.manifest import Utterance
from emospace.protocols.splits._rotation import check_count, rotate

COVERS = True


def check(folds: int, sides: Sequence[str]) -> None:
    """Require a session per side."""
    check_count(folds)


def split(rows: Sequence[Utterance], folds: int) -> list[list[str]]:
    """Rotate over sessions, one fold per session."""
    return rotate([row.session for row in rows], folds, "session")
