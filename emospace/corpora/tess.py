"""TESS, the Toronto emotional speech set: two actresses say 200 words in seven emotions, 2,800 recordings.

Pichora-Fuller & Dupuis (2020), doi 10.5683/SP2/E8H2MF. Files OAF_back_angry.wav (older) and YAF_back_angry.wav
(younger); `ps` is pleasant surprise. Copies name the folders differently, so only file names count. In known copies,
one file lacks a letter (OA_bite_neutral.wav), and the set contains a second copy of itself. Two speakers are too few
for train, dev and test: use it as a test corpus. The wording of the licence is not confirmed.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from emospace.core.manifest import Problem, Utterance
from emospace.corpora import _acted
from emospace.corpora._acted import Clip

CODES = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "pleasant surprise",
    "sad": "sadness",
}
LICENCE = "CC BY-NC-ND 4.0"
PUBLIC = False  # no derivatives
CITATION = "M. K. Pichora-Fuller, K. Dupuis, Toronto emotional speech set (TESS), 2020, doi 10.5683/SP2/E8H2MF"
NOTE = "Two speakers, so it serves to test on alone (`train: [...], test: [tess]`); the text carries no emotion."

SPEAKERS = ("OAF", "YAF")
GENDERS = dict.fromkeys(SPEAKERS, "F")
COUNTS = dict.fromkeys(CODES, 400)
_NAME = re.compile(r"(OAF?|YAF?)_([A-Za-z-]+)_([a-z]+(?:_[a-z]+)?)")
_SYNONYMS = {"pleasant_surprise": "ps", "pleasant_surprised": "ps", "surprised": "ps"}


def group(path: str) -> int | None:
    """0 for the older speaker, 1 for the younger; None for files with other names."""
    clip = _parse(path)
    return SPEAKERS.index(clip.speaker) if clip else None


def index(root: Path, files: Sequence[str], *, expect_counts: bool = True) -> tuple[list[Utterance], list[Problem]]:
    """One row per recording.

    expect_counts: false for part of the corpus, to skip the comparison of counts with the publication.
    """
    return _acted.index(root, files, _parse, CODES, GENDERS, language="en")


def expected(rows: Sequence[Utterance], *, expect_counts: bool = True) -> list[Problem]:
    """Compare the counts of clips per emotion and of speakers with the publication."""
    return _acted.missed(rows, CODES, COUNTS, len(SPEAKERS)) if expect_counts else []


def _parse(path: str) -> Clip | None:
    name = PurePosixPath(path)
    codes = _NAME.fullmatch(name.stem)
    if not codes or name.suffix.lower() != ".wav":
        return None
    speaker, emotion = f"{codes[1][:2]}F", _SYNONYMS.get(codes[3], codes[3])
    return Clip(f"{speaker}_{codes[2]}_{emotion}", speaker, emotion, f"Say the word {codes[2]}.")
