"""EmoDB, the Berlin database of emotional speech: ten actors, ten sentences, seven emotions, 535 recordings.

Burkhardt et al. (2005), Interspeech. Files as in the publisher's download: wav/03a01Fa.wav, named by speaker (03),
sentence (a01), emotion (F, the initial of the German word) and version (a). The licence is not confirmed.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from emospace.core.manifest import Problem, Utterance
from emospace.corpora import _acted
from emospace.corpora._acted import Clip

CODES = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
LICENCE = "as the publisher states: look it up before you share anything"
PUBLIC = False
CITATION = "F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss, A Database of German Emotional Speech, 2005"
NOTE = "Ten sentences are said in every emotion, so the text carries none; acted in an anechoic chamber."

GENDERS = {"03": "M", "08": "F", "09": "F", "10": "M", "11": "M", "12": "M", "13": "F", "14": "F", "15": "M", "16": "F"}
COUNTS = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")


def group(path: str) -> int | None:
    """Index of the speaker among the ten; None for files with other names."""
    clip = _parse(path)
    return sorted(GENDERS).index(clip.speaker) if clip else None


def index(root: Path, files: Sequence[str], *, expect_counts: bool = True) -> tuple[list[Utterance], list[Problem]]:
    """One row per recording.

    expect_counts: false for part of the corpus, to skip the comparison of counts with the publication.
    """
    return _acted.index(root, files, _parse, CODES, GENDERS, language="de")


def expected(rows: Sequence[Utterance], *, expect_counts: bool = True) -> list[Problem]:
    """Compare the counts of clips per emotion and of speakers with the publication."""
    return _acted.missed(rows, CODES, COUNTS, len(GENDERS)) if expect_counts else []


def _parse(path: str) -> Clip | None:
    name = PurePosixPath(path)
    codes = _NAME.fullmatch(name.stem)
    if not codes or name.suffix.lower() != ".wav" or codes[1] not in GENDERS:
        return None
    return Clip(name.stem, codes[1], codes[3], SENTENCES.get(codes[2], ""))
