"""SAVEE: four men say 120 sentences each in seven emotions, 480 clips, sound and picture.

Haq & Jackson (2009), AVSP. Files AudioData/DC/a01.wav and AudioVisualClip/DC/a01.avi, named by speaker, emotion (one or
two letters) and sentence; a copy in circulation has them in one folder, as DC_a01.wav. The folder names of the films
are not confirmed. File names do not identify the sentence, which partly depends on the emotion, so rows have no text.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from emospace.core.manifest import Problem, Utterance
from emospace.corpora import _acted
from emospace.corpora._acted import Clip

CODES = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
LICENCE = "for research, after registration with the publisher"
PUBLIC = False
CITATION = "S. Haq, P. J. B. Jackson, Speaker-dependent audio-visual emotion recognition, AVSP 2009"
NOTE = "Four speakers, all men."

SPEAKERS = ("DC", "JE", "JK", "KL")
GENDERS = dict.fromkeys(SPEAKERS, "M")
COUNTS = {code: 120 if code == "n" else 60 for code in CODES}
_NAME = re.compile(r"(?:^|.*/)(DC|JE|JK|KL)[/_]([a-z]{1,2})(\d\d)\.(?:wav|avi)")


def group(path: str) -> int | None:
    """Index of the speaker among the four; None for files with other names."""
    clip = _parse(path)
    return SPEAKERS.index(clip.speaker) if clip else None


def index(root: Path, files: Sequence[str], *, expect_counts: bool = True) -> tuple[list[Utterance], list[Problem]]:
    """One row per clip, from its recording, its film or both.

    expect_counts: false for part of the corpus, to skip the comparison of counts with the publication.
    """
    return _acted.index(root, files, _parse, CODES, GENDERS, language="en")


def expected(rows: Sequence[Utterance], *, expect_counts: bool = True) -> list[Problem]:
    """Compare the counts of clips per emotion and of speakers with the publication."""
    return _acted.missed(rows, CODES, COUNTS, len(SPEAKERS)) if expect_counts else []


def _parse(path: str) -> Clip | None:
    codes = _NAME.fullmatch(path)
    return codes and Clip(f"{codes[1]}_{codes[2]}{codes[3]}", codes[1], codes[2])
