"""Inputs of a second stage: what other runs have stored of the same fold.

`run:<name>` is the probabilities of a run, `run:<name>.embeddings` and `run:<name>.<extra>` are its other outputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emospace.core.data import SPLITS, Fold, Rows
from emospace.core.errors import InputError
from emospace.core.store import Ragged
from emospace.runs.run_files import AGAIN, SAID, Said, read_outputs

PREFIX = "run:"


@dataclass(frozen=True)
class Folders:
    """Where a run keeps what it says: of dev and test rows, and of train rows (None: nobody has asked it)."""

    stored: Path
    train: Path | None = None


def run_of(name: str) -> str:
    """The run of an input `run:<name>` or `run:<name>.<output>`; "" of a feature or view."""
    return name.removeprefix(PREFIX).partition(".")[0] if name.startswith(PREFIX) else ""


def output_of(name: str) -> str:
    """The output of a run that an input names; "" for its probabilities."""
    return name.partition(".")[2]


def with_runs(fold: Fold, inputs: Sequence[str], folders: Mapping[str, Folders]) -> Fold:
    """The fold with all `inputs`, in their order; it has those already that are no outputs of a run.

    A row of which the run saw no input has length zero, and so has a train row where nobody has asked the run. A child
    has what its original has. Raises InputError where a run says nothing of a row.
    """
    return replace(
        fold, **{side: _with_runs(side, getattr(fold, side), fold.classes, inputs, folders) for side in SPLITS}
    )


def _with_runs(
    side: str, rows: Rows, classes: Sequence[str], inputs: Sequence[str], folders: Mapping[str, Folders]
) -> Rows:
    found, said = dict(rows.inputs), {}
    original = np.where(rows.parent >= 0, rows.parent, np.arange(len(rows)))
    names = [rows.utterances[i] for i in original]
    for name in filter(run_of, inputs):
        place, what = folders[run_of(name)], output_of(name)
        folder = place.train if side == "train" else place.stored
        store = read_outputs(folder or place.stored, classes, [what])
        index = _index(folder / SAID[0], store, side, names) if folder else np.empty(0, np.int64)
        found[name] = _ragged(store, what, index) if folder else _nothing(store, what, len(rows))
        if folder and not what:
            said[name] = store.values[what][index]
    return replace(rows, inputs={name: found[name] for name in inputs}, said=said)


def _index(path: Path, store: Said, side: str, names: Sequence[str]) -> np.ndarray:
    if missing := [name for name in names if (side, name) not in store.place]:
        raise InputError(path, f"it has no {side} row {missing[0]!r}", AGAIN)
    return np.array([store.place[side, name] for name in names], np.int64)


def _ragged(store: Said, what: str, index: np.ndarray) -> Ragged:
    """A row of length zero where the run saw no input."""
    values = store.values[what]
    one_step = not isinstance(values, Ragged)
    rows = [values[i : i + 1] if one_step else values[i] for i in index[store.present[index]]]
    lengths = np.zeros(len(index), np.int64)
    lengths[store.present[index]] = [len(row) for row in rows]
    return Ragged(np.concatenate([_empty(values), *rows]), np.concatenate([[0], np.cumsum(lengths)]))


def _nothing(store: Said, what: str, rows: int) -> Ragged:
    return Ragged(_empty(store.values[what]), np.zeros(rows + 1, np.int64))


def _empty(values: np.ndarray | Ragged) -> np.ndarray:
    return (values.values if isinstance(values, Ragged) else values)[:0]
