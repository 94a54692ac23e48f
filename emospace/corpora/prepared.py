"""Prepared tables in the format of ACIT4630: statistics and transcripts of a corpus that cannot be shipped itself.

The folder contains four CSV files (emospace/corpora/_prepared.py describes the columns; the analysis `tables` writes
them). Use the encoder `prepared` for the statistics and the split `prepared` for the sides.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance
from emospace.corpora import _prepared

CODES = _prepared.CODES
LICENCE = "that of the corpus from which the tables were made"
PUBLIC = False
CITATION = "the corpus from which the tables were made"
NOTE = "There is no sound and no film: features come from the tables."
IEMOCAP = re.compile(r"(Ses\d\d)[FM]_.+_([FM])\d+$")


def group(path: str) -> int | None:
    """Put all tables into one group; None for other files."""
    return 0 if path in (*_prepared.AUDIO_FILES, *_prepared.TEXT_FILES) else None


def index(root: Path, files: Sequence[str]) -> tuple[list[Utterance], list[Problem]]:
    """Return one row per utterance, regardless of copies.

    Raises InputError for a missing table or column, an unknown label, and an utterance with two labels or texts.
    """
    found: dict[str, Utterance] = {}
    for name in _prepared.TEXT_FILES:
        for number, line in enumerate(_prepared.read_texts(root / name), 2):
            row = _row(line)
            if found.setdefault(row.utterance, row) != row:
                reason = f"line {number}: {row.utterance!r} has another label or text than before"
                raise InputError(root / name, reason, _prepared.REMEDY)
    _refuse_other_rows(root, found)
    return list(found.values()), []


def _row(line: dict[str, str]) -> Utterance:
    """Read speaker and session from an IEMOCAP name; any other utterance is its own speaker and session."""
    name = line["wav_file"]
    match = IEMOCAP.match(name)
    session, gender = match.groups() if match else (name, "")
    dialogue = name.rpartition("_")[0] if match else name
    return Utterance(
        utterance=name,
        dialogue=dialogue,
        session=session,
        speaker=session + gender,
        gender=gender,
        scripted="script" in name,
        start=0.0,
        end=1.0,  # the tables have no times
        whole=True,
        text=line[_prepared.TEXT],
        audio="",
        video="",
        crop="",
        label=line["label"],
    )


def _refuse_other_rows(root: Path, found: dict[str, Utterance]) -> None:
    """Raise InputError unless the tables of statistics list the same utterances and labels as those of transcripts."""
    for audio, text in zip(_prepared.AUDIO_FILES, _prepared.TEXT_FILES, strict=True):
        _, lines = _prepared.read_statistics([root / audio])
        names = [(line["wav_file"], line["label"]) for line in lines]
        if names != [(line["wav_file"], line["label"]) for line in _prepared.read_texts(root / text)]:
            raise InputError(root / audio, f"its lines are not those of {text}, in order", _prepared.REMEDY)
