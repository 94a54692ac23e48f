"""Texts per utterance: a CSV `utterance,text` in the order of the manifest. Knows nothing of where they come from."""

import csv
from collections.abc import Sequence
from pathlib import Path

from emospace.errors import InputError
from emospace.provenance import atomic

COLUMNS = ["utterance", "text"]


def write(path: Path, utterances: Sequence[str], texts: Sequence[str]) -> None:
    """Write the texts of a part, one per utterance, "" where missing."""
    with atomic(path) as tmp, open(tmp, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(zip(utterances, texts, strict=True))


def read(path: Path) -> list[str]:
    """Texts of a part in the order of its manifest, "" where missing. Raises InputError if it is not a text view."""
    with open(path, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        if reader.fieldnames != COLUMNS:
            raise InputError(path, f"its columns are {reader.fieldnames}, not {COLUMNS}", "run the workflow again")
        return [record["text"] for record in reader]
