"""Read the items of a view's file row by row: samples, pictures, texts or words. Each function is a view's `read`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from emospace.core import records, store, texts
from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.media import pictures

WORD_COLUMNS = ["utterance", "word", "start", "end"]
AGAIN = "delete it and run the workflow again"


def waves(path: Path, rows: Sequence[Utterance]) -> Iterator[np.ndarray]:
    """Samples of each row, int16 (T,)."""
    return iter(store.Ragged.open(path, len(rows)))


def frames(path: Path, rows: Sequence[Utterance]) -> Iterator[list[bytes]]:
    """JPEGs of each row, in order of time."""
    archive = pictures.Frames(path)
    if unknown := sorted(archive.counts.keys() - {row.utterance for row in rows}):
        raise InputError(path, f"it has pictures of {unknown[0]!r}, which is not in the manifest", AGAIN)
    return (archive.row(row.utterance) for row in rows)


def lines(path: Path, rows: Sequence[Utterance]) -> Iterator[str]:
    """The text of each row."""
    table = records.read(path, texts.COLUMNS)
    if len(table) != len(rows):
        raise InputError(path, f"holds {len(table)} rows, the manifest {len(rows)}", "run the workflow again")
    for k, (record, row) in enumerate(zip(table, rows, strict=True)):
        if record["utterance"] != row.utterance:
            reason = f"row {k} is of {record['utterance']!r}, in the manifest of {row.utterance!r}"
            raise InputError(path, reason, AGAIN)
    return (record["text"] for record in table)


def words(path: Path, rows: Sequence[Utterance]) -> Iterator[list[tuple[str, float, float]]]:
    """(word, start, end) of each row's words in order, in seconds from its start."""
    aligned: dict[str, list[tuple[str, float, float]]] = {row.utterance: [] for row in rows}
    for record in records.read(path, WORD_COLUMNS, exactly=True):
        if record["utterance"] not in aligned:
            raise InputError(path, f"it has words of {record['utterance']!r}, which is not in the manifest", AGAIN)
        aligned[record["utterance"]].append((record["word"], _time(path, record, "start"), _time(path, record, "end")))
    return iter(aligned.values())


def _time(path: Path, record: dict[str, str], column: str) -> float:
    try:
        return float(record[column])
    except ValueError as error:
        reason = f"the word {record['word']!r} of {record['utterance']!r} has no {column}: {record[column]!r}"
        raise InputError(path, reason, AGAIN) from error


def write_words(
    path: Path, rows: Sequence[Utterance], aligned: Sequence[Sequence[tuple[str, float, float]] | None]
) -> None:
    """Write the words of each row, one line per word, with times to 0.1 ms; a row without words has no line."""
    words = ((row.utterance, *word) for row, of_row in zip(rows, aligned, strict=True) for word in of_row or ())
    lines = (dict(zip(WORD_COLUMNS, (u, w, f"{s:.4f}", f"{e:.4f}"), strict=True)) for u, w, s, e in words)
    records.write(path, WORD_COLUMNS, lines)
