"""The text view: one normalised transcript per utterance, in a CSV."""

import csv
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from emospace.errors import InputError
from emospace.manifest import Utterance
from emospace.provenance import atomic

COLUMNS = ["utterance", "text"]


def normalise(text: str) -> str:
    """Unicode NFC with single spaces; the corpus's tags such as [LAUGHTER] stay."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def extract(rows: Sequence[Utterance]) -> list[str]:
    """One text per row, "" where the transcript is missing."""
    return [normalise(row.text) for row in rows]


def write(path: Path, rows: Sequence[Utterance], texts: Sequence[str]) -> None:
    """Write a text view, atomically."""
    with atomic(path) as tmp, open(tmp, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((row.utterance, text) for row, text in zip(rows, texts, strict=True))


def read(path: Path) -> list[str]:
    """Texts of a text view, one per row of its part's manifest."""
    with open(path, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        if reader.fieldnames != COLUMNS:
            raise InputError(path, f"its columns are {reader.fieldnames}, not {COLUMNS}", "run the workflow again")
        return [record["text"] for record in reader]
