"""Tables of texts: a CSV `utterance,text,...` with one line per utterance, in the order of the manifest."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from emospace.core import records

COLUMNS = ["utterance", "text"]
FLAGGED = [*COLUMNS, "flag"]  # for generated texts: "" or what went wrong
CUT_OFF = "cut off"  # a flag: a translation exceeded max_output tokens, so its end is missing


def clean(text: str) -> str:
    """Return a text in Unicode NFC with single spaces. Words, case and tags such as [LAUGHTER] are unchanged."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def write(path: Path, utterances: Sequence[str], texts: Sequence[str], **more: Sequence[str]) -> None:
    """Write the texts of a part, one per utterance, "" if missing, with the additional columns `more`."""
    columns, rows = [*COLUMNS, *more], zip(utterances, texts, *more.values(), strict=True)
    records.write(path, columns, (dict(zip(columns, row, strict=True)) for row in rows))


def read(path: Path, columns: Sequence[str] = COLUMNS, column: str = "text") -> list[str]:
    """Read the texts (or another column) of a part, in the order of its manifest, "" if missing.

    Raises InputError if the header does not begin with these columns; generated texts have flags after them.
    """
    return [record[column] for record in records.read(path, columns)]


def is_table(path: Path) -> bool:
    """Is a CSV file a table of texts?"""
    with open(path, encoding="utf-8") as handle:
        return handle.readline().rstrip("\n").split(",")[: len(COLUMNS)] == COLUMNS


def read_made(path: Path) -> list[str]:
    """Read generated (translated, recognised) texts, "" if missing; as `read`, but the file must have flags."""
    return read(path, FLAGGED)


def read_flags(path: Path) -> list[str]:
    """Read the flag of each generated text; as `read`."""
    return read(path, FLAGGED, "flag")


def read_cut(path: Path) -> list[bool]:
    """Read whether each generated text was cut off; as `read`."""
    return [flag == CUT_OFF for flag in read_flags(path)]
