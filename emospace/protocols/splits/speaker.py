"""Leave-one-speaker-out: the other speakers of the test speaker's session are dev, the other sessions train."""

from collections.abc import Sequence

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.splits._rotation import check_count, require

FOLDS = 10
COVERS = True
SHARES_DIALOGUES = (("dev", "test"),)  # partners talk in the same dialogues; train never shares them


def check(folds: int, sides: Sequence[str]) -> None:
    """Require a speaker per side."""
    check_count(folds)


def split(rows: Sequence[Utterance], folds: int) -> list[list[str]]:
    """One fold per speaker. Raises InputError for a speaker without a partner in the session to serve as dev."""
    session_of = {row.speaker: row.session for row in rows}
    speakers = sorted(session_of)
    require(len(speakers), folds, "speaker")
    alone = [s for s in speakers if sum(session_of[t] == session_of[s] for t in speakers) < 2]
    if alone:
        reason = f"speaker {alone[0]} has no partner in session {session_of[alone[0]]!r} to serve as dev"
        raise InputError("split: speaker", reason, "use the split 'actors' for this corpus")

    def side(row: Utterance, test: str) -> str:
        if row.speaker == test:
            return "test"
        return "dev" if row.session == session_of[test] else "train"

    return [[side(row, test) for row in rows] for test in speakers]
