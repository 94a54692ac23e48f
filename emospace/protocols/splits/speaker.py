"""Leave-one-speaker-out: the other speakers of the test speaker's session are dev, other sessions train."""

from collections.abc import Sequence

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.splits._rotation import check_count, require

FOLDS = 10
COVERS = True
SHARES_DIALOGUES = (("dev", "test"),)  # partners talk in the same dialogues; train never shares them


def check(folds: int, sides: Sequence[str]) -> None:
    """Three sides need three speakers."""
    check_count(folds)


def split(rows: Sequence[Utterance], folds: int) -> list[list[str]]:
    """One speaker, one fold. Raises InputError for a speaker whose session has nobody to serve as dev."""
    home = {row.speaker: row.session for row in rows}
    speakers = sorted(home)
    require(len(speakers), folds, "speaker")
    lonely = [s for s in speakers if sum(home[t] == home[s] for t in speakers) < 2]
    if lonely:
        reason = f"speaker {lonely[0]} has no partner in session {home[lonely[0]]!r} to serve as dev"
        raise InputError("split: speaker", reason, "use the split 'actors' for this corpus")

    def place(row: Utterance, test: str) -> str:
        if row.speaker == test:
            return "test"
        return "dev" if row.session == home[test] else "train"

    return [[place(row, test) for row in rows] for test in speakers]
