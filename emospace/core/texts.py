"""Texts per utterance: a CSV `utterance,text,...` in the order of the manifest. Knows not where they come from."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from emospace.core import records

COLUMNS = ["utterance", "text"]
FLAGGED = [*COLUMNS, "flag"]  # of texts that were made: "" or what became of them
CUT_OFF = "cut off"  # a flag: a translation on the way needed more than max_output tokens, what follows is missing


def clean(text: str) -> str:
    """Unicode NFC, runs of white space as one blank. Words, case and tags such as [LAUGHTER] stay as they are."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def write(path: Path, utterances: Sequence[str], texts: Sequence[str], **more: Sequence[str]) -> None:
    """Write the texts of a part, one per utterance, "" where missing, and the columns `more` beside them."""
    columns, rows = [*COLUMNS, *more], zip(utterances, texts, *more.values(), strict=True)
    records.write(path, columns, (dict(zip(columns, row, strict=True)) for row in rows))


def read(path: Path, columns: Sequence[str] = COLUMNS, wanted: str = "text") -> list[str]:
    """Texts (or another column) of a part in the order of its manifest, "" where missing.

    Raises InputError if the file does not begin with these columns; a translation has its flags after them.
    """
    return [record[wanted] for record in records.read(path, columns)]


def is_table(path: Path) -> bool:
    """Is a CSV file a table of texts?"""
    with open(path, encoding="utf-8") as handle:
        return handle.readline().rstrip("\n").split(",")[: len(COLUMNS)] == COLUMNS


def read_made(path: Path) -> list[str]:
    """Texts that were made (translated, recognised), "" where there are none; as `read`, but they must have flags."""
    return read(path, FLAGGED)


def read_flags(path: Path) -> list[str]:
    """The flag of each text that was made; as `read`."""
    return read(path, FLAGGED, "flag")


def read_cut(path: Path) -> list[bool]:
    """Did each text lose its end when it was made? As `read`."""
    return [flag == CUT_OFF for flag in read_flags(path)]
