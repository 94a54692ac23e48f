"""Clusters of dependent rows: those of one speaker, or of a whole session if its speakers share dialogues.

Partners in a dialogue share its room, its topic and each other's mood. An effect common to two speakers makes intervals
over speakers too narrow, so the session is resampled instead.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from emospace.core.manifest import Utterance


@dataclass(frozen=True)
class Clusters:
    """member: cluster of each row, (N,). unit: "speaker", "session", or "group" (speakers who meet across sessions)."""

    unit: str
    count: int
    member: np.ndarray


def clusters(tested: Sequence[Utterance], known: Iterable[Utterance] = ()) -> Clusters:
    """Clusters of the tested rows. known: further rows that show which speakers share a dialogue.

    Speakers are joined if they share a dialogue, or a session in which any two speakers do.
    """
    representative = _representatives([*tested, *known])
    roots = sorted({representative[row.speaker] for row in tested})
    member = np.array([roots.index(representative[row.speaker]) for row in tested])
    return Clusters(_unit(tested, member), len(roots), member)


def _representatives(rows: Iterable[Utterance]) -> dict[str, str]:
    """Speaker -> the alphabetically first speaker of its cluster (union-find)."""
    by_dialogue, by_session = defaultdict(set), defaultdict(set)
    for row in rows:
        by_dialogue[row.session, row.dialogue].add(row.speaker)
        by_session[row.session].add(row.speaker)
    parent = {speaker: speaker for speakers in by_session.values() for speaker in speakers}
    for (session, _), partners in by_dialogue.items():
        if len(partners) > 1:
            _join(parent, by_session[session] if session else partners)
    return {speaker: _root(parent, speaker) for speaker in parent}


def _root(parent: dict[str, str], speaker: str) -> str:
    while parent[speaker] != speaker:
        speaker = parent[speaker]
    return speaker


def _join(parent: dict[str, str], speakers: Iterable[str]) -> None:
    roots = sorted({_root(parent, speaker) for speaker in speakers})
    parent.update(dict.fromkeys(roots, roots[0]))


def _unit(rows: Sequence[Utterance], member: np.ndarray) -> str:
    speakers, sessions = defaultdict(set), defaultdict(set)
    for row, cluster in zip(rows, member, strict=True):
        speakers[cluster].add(row.speaker)
        sessions[cluster].add(row.session)
    if all(len(names) == 1 for names in speakers.values()):
        return "speaker"
    distinct = {session for names in sessions.values() for session in names}
    one_each = all(len(names) == 1 for names in sessions.values())
    return "session" if one_each and len(distinct) == len(sessions) else "group"
