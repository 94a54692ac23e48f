"""The text view: what was said, as the corpus wrote it down, one line per utterance."""

import csv
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from emospace.errors import InputError
from emospace.manifest import Problem, Utterance
from emospace.provenance import atomic

COLUMNS = ["utterance", "text"]


def clean(text: str) -> str:
    """Unicode NFC, runs of white space as one blank. Words, case and tags such as [LAUGHTER] stay as they are."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def extract(rows: Sequence[Utterance], out: Path) -> tuple[list[Problem], dict]:
    """Write the CSV `out`; returns the problems met and facts for the sidecar. An empty text is missing."""
    texts = [clean(row.text) for row in rows]
    with atomic(out) as tmp, open(tmp, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((row.utterance, text) for row, text in zip(rows, texts, strict=True))
    remedy = "add its transcript to the corpus, or let models do without"
    silent = [row for row, text in zip(rows, texts, strict=True) if not text]
    problems = [Problem(r.utterance, r.audio or r.video, "no transcript", "the text is empty", remedy) for r in silent]
    return problems, {"rows": len(rows), "missing": len(silent), "words": sum(len(text.split()) for text in texts)}


def read(path: Path) -> list[str]:
    """Texts of a part in the order of its manifest, "" where missing. Raises InputError if it is not a text view."""
    with open(path, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        if reader.fieldnames != COLUMNS:
            raise InputError(path, f"its columns are {reader.fieldnames}, not {COLUMNS}", "run the workflow again")
        return [record["text"] for record in reader]
