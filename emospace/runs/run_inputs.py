"""Inputs of a second stage: outputs of other runs on the same fold, or their trained weights.

`run:<name>` is the probabilities of a run; `run:<name>.embeddings` and `run:<name>.<extra>` are its other outputs.
`run:<name>.weights` is the trained model itself, from which another training starts; it has no values per row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emospace.core.data import SPLITS, Fold, Rows
from emospace.core.errors import InputError
from emospace.core.store import Ragged
from emospace.runs.run_files import AGAIN, OUTPUT_FILES, StoredOutputs, read_outputs, read_trained

PREFIX = "run:"
WEIGHTS = "weights"  # an output that is the trained model


@dataclass(frozen=True)
class Folders:
    """Folders of a run's outputs: for dev and test rows, and for train rows (None: not applied to them)."""

    stored: Path
    train: Path | None = None


def run_of(name: str) -> str:
    """Run of an input `run:<name>` or `run:<name>.<output>`; "" for a feature or view."""
    return name.removeprefix(PREFIX).partition(".")[0] if name.startswith(PREFIX) else ""


def output_of(name: str) -> str:
    """Name of the output that an input refers to; "" for probabilities."""
    return name.partition(".")[2]


def is_weights(name: str) -> bool:
    """Is an input the trained model of a run?"""
    return bool(run_of(name)) and output_of(name) == WEIGHTS


def of_rows(inputs: Iterable[str]) -> list[str]:
    """The inputs that have values per row: all but trained models."""
    return [name for name in inputs if not is_weights(name)]


def with_runs(fold: Fold, inputs: Sequence[str], folders: Mapping[str, Folders]) -> Fold:
    """Add the inputs that are outputs of runs to a fold, and the trained models among them as `parents`.

    The inputs of its rows then have the order of `inputs`. A row for which the run had no input has length zero, as do
    train rows if the run was not applied to them. A child gets the values of its original. Raises InputError if a run
    has no outputs for a row.
    """
    names = of_rows(inputs)
    parents = {name: read_trained(folders[run_of(name)].stored) for name in inputs if is_weights(name)}
    sides = {side: _with_runs(side, getattr(fold, side), fold.classes, names, folders) for side in SPLITS}
    return replace(fold, parents=parents, **sides)


def _with_runs(
    side: str, rows: Rows, classes: Sequence[str], inputs: Sequence[str], folders: Mapping[str, Folders]
) -> Rows:
    added, run_probabilities = dict(rows.inputs), {}
    original = np.where(rows.parent >= 0, rows.parent, np.arange(len(rows)))
    names = [rows.utterances[i] for i in original]
    for name in filter(run_of, inputs):
        run, output = folders[run_of(name)], output_of(name)
        folder = run.train if side == "train" else run.stored
        store = read_outputs(folder or run.stored, classes, [output])
        index = _index(folder / OUTPUT_FILES[0], store, side, names) if folder else np.empty(0, np.int64)
        added[name] = _ragged(store, output, index) if folder else _nothing(store, output, len(rows))
        if folder and not output:
            run_probabilities[name] = store.values[output][index]
    return replace(rows, inputs={name: added[name] for name in inputs}, run_probabilities=run_probabilities)


def _index(path: Path, store: StoredOutputs, side: str, names: Sequence[str]) -> np.ndarray:
    if missing := [name for name in names if (side, name) not in store.index]:
        raise InputError(path, f"it has no {side} row {missing[0]!r}", AGAIN)
    return np.array([store.index[side, name] for name in names], np.int64)


def _ragged(store: StoredOutputs, output: str, index: np.ndarray) -> Ragged:
    """Outputs of the rows in `index`, with length zero if the run had no input."""
    values = store.values[output]
    one_step = not isinstance(values, Ragged)
    rows = [values[i : i + 1] if one_step else values[i] for i in index[store.present[index]]]
    lengths = np.zeros(len(index), np.int64)
    lengths[store.present[index]] = [len(row) for row in rows]
    return Ragged(np.concatenate([_empty(values), *rows]), np.concatenate([[0], np.cumsum(lengths)]))


def _nothing(store: StoredOutputs, output: str, rows: int) -> Ragged:
    return Ragged(_empty(store.values[output]), np.zeros(rows + 1, np.int64))


def _empty(values: np.ndarray | Ragged) -> np.ndarray:
    return (values.values if isinstance(values, Ragged) else values)[:0]
