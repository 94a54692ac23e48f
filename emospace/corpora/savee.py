"""SAVEE: four men say 120 sentences each in seven emotions, 480 clips, sound and picture.

Haq & Jackson (2009), AVSP. Files AudioData/DC/a01.wav and AudioVisualClip/DC/a01.avi, that is speaker, emotion (one or
two letters) and sentence; a copy that circulates has them in one folder as DC_a01.wav. Not known for sure here: the
names of the folders of films. What is said depends on the emotion in part: the texts are not in the file names, so
rows have none.
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
    """Place of the speaker among the four; None for files of other names."""
    clip = _parse(path)
    return SPEAKERS.index(clip.speaker) if clip else None


def index(root: Path, files: Sequence[str], *, expect_counts: bool = True) -> tuple[list[Utterance], list[Problem]]:
    """One row per clip, from its sound, its film or both.

    expect_counts: false for a part of the corpus, of which no counts are compared.
    """
    return _acted.index(root, files, _parse, CODES, GENDERS, language="en")


def expected(rows: Sequence[Utterance], *, expect_counts: bool = True) -> list[Problem]:
    """Compare the clips of each emotion, and the speakers, with the publication."""
    return _acted.missed(rows, CODES, COUNTS, len(SPEAKERS)) if expect_counts else []


def _parse(path: str) -> Clip | None:
    codes = _NAME.fullmatch(path)
    return codes and Clip(f"{codes[1]}_{codes[2]}{codes[3]}", codes[1], codes[2])
