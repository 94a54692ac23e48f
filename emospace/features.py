"""Features: the rows of a view, through an encoder, into a store. Streams: no more than one window is in memory."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from emospace import store

EMPTY = np.empty((0, 0), np.float32)


def encode(rows: Iterable, load: Callable) -> Iterator[np.ndarray]:
    """One matrix (T, D) per row, in order. Empty rows stay empty, and nothing is loaded before the first full one."""
    rows = iter(rows)
    for row in rows:
        if len(row):
            yield from _windows(load(), chain([row], rows))
        else:
            yield EMPTY


def _windows(encoder, rows: Iterator) -> Iterator[np.ndarray]:
    while window := list(islice(rows, encoder.batch)):
        full = [row for row in window if len(row)]
        made = iter(encoder(full) if full else ())
        yield from (next(made) if len(row) else EMPTY for row in window)


def write_store(path: Path, matrices: Iterable[np.ndarray]) -> dict:
    """Write a store; its shape, as facts. Without a single step there is no encoder to tell the width: it is 0."""
    rows, steps = store.write(path, matrices, dtype=np.float32)
    if not steps:
        store.write(path, [EMPTY] * rows, dtype=np.float32, dim=0)
    made = store.Ragged.open(path, rows)
    missing = int((made.lengths == 0).sum())
    return {"dtype": "float32", "rows": rows, "steps": steps, "dim": made.values.shape[1], "missing": missing}
