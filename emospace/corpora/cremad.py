"""CREMA-D: 91 actors say twelve sentences in six emotions; 7,442 clips, sound and picture.

Cao et al. (2014), IEEE Transactions on Affective Computing 5(4). Layout as in its repository:
AudioWAV/1001_DFA_ANG_XX.wav and VideoFlash/1001_DFA_ANG_XX.flv, named by actor, sentence, emotion and level;
VideoDemographics.csv gives the sex of each actor. AudioMP3 is another encoding of AudioWAV and is not read. In a clone
without Git LFS the media are pointers, which are reported as unreadable. Known faults: 1076_MTI_NEU_XX and
1076_MTI_SAD_XX (no sound), 1064_TIE_SAD_XX (no duration), 1064_IEO_DIS_MD (a minute of all emotions).
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from emospace.core.contracts import EVERY
from emospace.core.manifest import Problem, Utterance
from emospace.corpora import _acted
from emospace.corpora._acted import Clip

CODES = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness"}
LICENCE = "ODbL 1.0, contents DbCL 1.0"
PUBLIC = True  # under the same licence, with attribution
CITATION = (
    "H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma, CREMA-D: Crowd-sourced Emotional "
    "Multimodal Actors Dataset, IEEE Transactions on Affective Computing 5(4), 2014, doi 10.1109/TAFFC.2014.2336244"
)
NOTE = "Twelve sentences are said in every emotion, so the text carries none."

ACTORS = 91
COUNTS = {code: 1087 if code == "NEU" else 1271 for code in CODES}
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": ""}
TABLE = "VideoDemographics.csv"
SEXES = {"Female": "F", "Male": "M"}
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_NAME = re.compile(r"(10\d\d)_([A-Z]{3})_([A-Z]{3})_(XX|LO|MD|HI|X)")  # one file ends in a single X


def group(path: str) -> int | None:
    """Index of the actor; EVERY for the table of actors; None for other files."""
    if PurePosixPath(path).name == TABLE:
        return EVERY
    clip = _parse(path)
    return int(clip.speaker) - 1001 if clip else None


def index(root: Path, files: Sequence[str], *, expect_counts: bool = True) -> tuple[list[Utterance], list[Problem]]:
    """One row per clip, from its recording, its film or both.

    expect_counts: false for part of the corpus, to skip the comparison of counts with the publication.
    """
    tables = [path for path in files if PurePosixPath(path).name == TABLE]
    genders = _genders(Path(root, min(tables, key=len))) if tables else {}
    return _acted.index(root, files, _parse, CODES, genders, language="en")


def expected(rows: Sequence[Utterance], *, expect_counts: bool = True) -> list[Problem]:
    """Compare the counts of clips and actors with the publication; report a missing table of actors."""
    missed = _acted.missed(rows, CODES, COUNTS, ACTORS) if expect_counts else []
    if not any(row.gender for row in rows):
        detail = "the sex of all actors is unknown"
        missed.append(Problem("", TABLE, "missing file", detail, "copy it from the repository"))
    return missed


def _genders(path: Path) -> dict[str, str]:
    """Actor -> F or M."""
    lines = csv.DictReader(path.read_text(encoding="utf-8-sig", errors="replace").splitlines())
    return {str(line.get("ActorID")): SEXES.get(line.get("Sex") or "", "") for line in lines}


def _parse(path: str) -> Clip | None:
    name = PurePosixPath(path)
    codes = _NAME.fullmatch(name.stem)
    if not codes or name.suffix.lower() not in (".wav", ".flv") or not 1001 <= int(codes[1]) <= 1000 + ACTORS:
        return None
    return Clip(name.stem, codes[1], codes[3], SENTENCES.get(codes[2], ""), LEVELS.get(codes[4], ""))
