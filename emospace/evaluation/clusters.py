"""Which rows stand or fall together: those of a speaker, and those of a session where speakers share dialogues.

Partners of a dialogue share its room, its topic and each other's mood. An effect that two speakers have in common makes
intervals over speakers too narrow, so the session is then what is resampled.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from emospace.core.manifest import Utterance


@dataclass(frozen=True)
class Clusters:
    """member: cluster of each row, (N,). unit: "speaker", "session", or "group" of people who meet across sessions."""

    unit: str
    count: int
    member: np.ndarray


def clusters(tested: Sequence[Utterance], known: Iterable[Utterance] = ()) -> Clusters:
    """Clusters of the tested rows. known: further rows that tell who shares a dialogue with whom.

    Speakers are joined if they share a dialogue, or a session in which any speakers do.
    """
    joined = _joined([*tested, *known])
    roots = sorted({joined[row.speaker] for row in tested})
    member = np.array([roots.index(joined[row.speaker]) for row in tested])
    return Clusters(_unit(tested, member), len(roots), member)


def _joined(rows: Iterable[Utterance]) -> dict[str, str]:
    """Speaker -> the first, by name, of all speakers of the cluster (union-find)."""
    talk, meeting = defaultdict(set), defaultdict(set)
    for row in rows:
        talk[row.session, row.dialogue].add(row.speaker)
        meeting[row.session].add(row.speaker)
    above = {speaker: speaker for found in meeting.values() for speaker in found}
    for (session, _), found in talk.items():
        if len(found) > 1:
            _join(above, meeting[session] if session else found)
    return {speaker: _root(above, speaker) for speaker in above}


def _root(above: dict[str, str], speaker: str) -> str:
    while above[speaker] != speaker:
        speaker = above[speaker]
    return speaker


def _join(above: dict[str, str], speakers: Iterable[str]) -> None:
    roots = sorted({_root(above, speaker) for speaker in speakers})
    above.update(dict.fromkeys(roots, roots[0]))


def _unit(rows: Sequence[Utterance], member: np.ndarray) -> str:
    speakers, sessions = defaultdict(set), defaultdict(set)
    for row, cluster in zip(rows, member, strict=True):
        speakers[cluster].add(row.speaker)
        sessions[cluster].add(row.session)
    if all(len(found) == 1 for found in speakers.values()):
        return "speaker"
    apart = {session for found in sessions.values() for session in found}
    return "session" if all(len(s) == 1 for s in sessions.values()) and len(apart) == len(sessions) else "group"
