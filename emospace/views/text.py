"""The text view: what was said, as the corpus wrote it down, one line per utterance."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from emospace.manifest import Problem, Utterance
from emospace.texts import write


def clean(text: str) -> str:
    """Unicode NFC, runs of white space as one blank. Words, case and tags such as [LAUGHTER] stay as they are."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def extract(rows: Sequence[Utterance], out: Path) -> tuple[list[Problem], dict]:
    """Write the CSV `out`; returns the problems met and facts for the sidecar. An empty text is missing."""
    texts = [clean(row.text) for row in rows]
    write(out, [row.utterance for row in rows], texts)
    remedy = "add its transcript to the corpus, or let models do without"
    silent = [row for row, text in zip(rows, texts, strict=True) if not text]
    problems = [Problem(r.utterance, r.audio or r.video, "no transcript", "the text is empty", remedy) for r in silent]
    return problems, {"rows": len(rows), "missing": len(silent), "words": sum(len(text.split()) for text in texts)}
