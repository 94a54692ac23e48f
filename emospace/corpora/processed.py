"""The processed file of multi-level attention as a corpus: its utterances with words and times, without recordings.

The folder contains processed.npz (emospace/corpora/_processed.py), written by the analysis `processed`. The encoders
`processed_acoustic` and `processed_lexical` read its features.
"""

from collections.abc import Sequence
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance
from emospace.corpora import _processed

CODES: dict[str, str] = {}  # those of the file, see `about`
LICENCE = "that of the corpus from which the file was made"
PUBLIC = False
CITATION = "the corpus from which the file was made"
NOTE = "There is no sound and no film: features, words and times come from the file."


def group(path: str) -> int | None:
    """Put the file into one group; None for others."""
    return 0 if path == _processed.FILE else None


def about(root: Path) -> dict:
    """Labels of the file, each its own name; {} if there is no file."""
    path = root / _processed.FILE
    return (
        {"codes": {k: k for k in sorted({*_processed.read(path, "label")["label"].tolist()})}} if path.exists() else {}
    )


def index(root: Path, files: Sequence[str]) -> tuple[list[Utterance], list[Problem]]:
    """One row per utterance. Raises InputError for a damaged file or an utterance that occurs twice."""
    path = root / _processed.FILE
    arrays = _processed.read(path, *_processed.COLUMNS, "scripted", "start", "end")
    if len({len(array) for array in arrays.values()}) != 1:
        raise InputError(path, "its columns differ in length", _processed.REMEDY)
    lines = zip(*(array.tolist() for array in arrays.values()), strict=True)
    rows = [_row(dict(zip(arrays, line, strict=True))) for line in lines]
    if len({row.utterance for row in rows}) < len(rows):
        raise InputError(path, "an utterance occurs twice", _processed.REMEDY)
    return rows, []


def _row(line: dict) -> Utterance:
    return Utterance(**line, whole=True, audio="", video="", crop="")


def words(root: Path, rows: Sequence[Utterance]) -> list[list[tuple[str, float, float]] | None]:
    """Words of the file; an utterance without words has none."""
    known = _processed.words(root / _processed.FILE)
    return [known.get(row.utterance) or None for row in rows]
