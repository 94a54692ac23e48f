"""The items of a view's file, row by row: samples, pictures, texts, words. Each is the `read` of some view."""

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
    found = pictures.Frames(path)
    if strange := sorted(found.counts.keys() - {row.utterance for row in rows}):
        raise InputError(path, f"it has pictures of {strange[0]!r}, which the manifest has not", AGAIN)
    return (found.row(row.utterance) for row in rows)


def lines(path: Path, rows: Sequence[Utterance]) -> Iterator[str]:
    """The text of each row."""
    found = records.read(path, texts.COLUMNS)
    if len(found) != len(rows):
        raise InputError(path, f"holds {len(found)} rows, the manifest {len(rows)}", "run the workflow again")
    for k, (record, row) in enumerate(zip(found, rows, strict=True)):
        if record["utterance"] != row.utterance:
            reason = f"row {k} is of {record['utterance']!r}, in the manifest of {row.utterance!r}"
            raise InputError(path, reason, AGAIN)
    return (record["text"] for record in found)


def words(path: Path, rows: Sequence[Utterance]) -> Iterator[list[tuple[str, float, float]]]:
    """(word, start, end) of each row's words in order, seconds from its start."""
    found: dict[str, list[tuple[str, float, float]]] = {row.utterance: [] for row in rows}
    for record in records.read(path, WORD_COLUMNS, exactly=True):
        if record["utterance"] not in found:
            raise InputError(path, f"it has words of {record['utterance']!r}, which the manifest has not", AGAIN)
        found[record["utterance"]].append((record["word"], float(record["start"]), float(record["end"])))
    return iter(found.values())


def write_words(
    path: Path, rows: Sequence[Utterance], found: Sequence[Sequence[tuple[str, float, float]] | None]
) -> None:
    """Write the words of each row, a line per word, times to 0.1 ms; a row without any has no line."""
    told = ((r.utterance, *word) for r, some in zip(rows, found, strict=True) for word in some or ())
    written = (dict(zip(WORD_COLUMNS, (u, w, f"{s:.4f}", f"{e:.4f}"), strict=True)) for u, w, s, e in told)
    records.write(path, WORD_COLUMNS, written)
