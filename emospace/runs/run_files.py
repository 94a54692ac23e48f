"""Files of a trained run, with one writer and one reader each.

In <fold>-<seed>/: model.safetensors, history.csv and checkpoint.<name>.safetensors hold the trained model;
probabilities.csv, embeddings.npy and extras.<name>.npy, all in the row order of the first, its outputs for dev and test
rows. Outputs for train rows are in train/. run.json is written last.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emospace.core import records, store
from emospace.core.data import Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.manifest import RATINGS
from emospace.core.provenance import atomic, read_json
from emospace.core.store import Ragged

AGAIN = "run the workflow again"
MODEL_FILES = ("model.safetensors", "history.csv")
OUTPUT_FILES = ("probabilities.csv", "embeddings.npy")
ROW_COLUMNS = ("utterance", "split", "present")  # columns of probabilities.csv before those of the classes
GENDER = ("gender_F", "gender_M")
OTHERS = (GENDER[0], *RATINGS)  # columns of optional predictions other than classes
TOLERANCE = 1e-3  # for the sum of probabilities, which are stored with seven digits
TRAIN = "train"  # folder of the outputs for train rows


def files_of(extras: Sequence[str] = (), checkpoints: Sequence[str] = ()) -> list[str]:
    """Names of the additional files of a run with these extras and checkpoints."""
    stores = [f"extras.{name}.{ending}" for name in extras for ending in ("npy", "offsets.npy")]
    return stores + [f"checkpoint.{name}.safetensors" for name in checkpoints]


# Trained models -----------------------------------------------------------------------------------------------


def write_trained(folder: Path, trained: Trained) -> list[Path]:
    """Write states and history; returns the paths."""
    states = {MODEL_FILES[0]: trained.state}
    states |= {f"checkpoint.{name}.safetensors": state for name, state in trained.checkpoints.items()}
    for name, state in states.items():
        _write_state(folder / name, state)
    columns = list(trained.history[0]) if trained.history else ["epoch"]
    records.write(folder / MODEL_FILES[1], columns, trained.history)
    return [folder / name for name in (*MODEL_FILES, *list(states)[1:])]


def _write_state(path: Path, state: Mapping[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    with atomic(path) as tmp:
        save_file({name: np.array(value, order="C") for name, value in state.items()}, tmp)


def read_trained(folder: Path) -> Trained:
    """Read the trained model of a run, without history and checkpoints."""
    sidecar = read_json(folder / "run.json")
    return Trained(read_state(folder / MODEL_FILES[0]), sidecar["classes"], facts=sidecar["facts"])


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a state, model or checkpoint."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(path, f"it cannot be read ({error})", AGAIN) from error


def read_history(folder: Path) -> list[dict[str, float]]:
    """Read the history, one dict of numbers per epoch or candidate; [] for a model without one."""
    path = folder / MODEL_FILES[1]
    try:
        return [{name: float(value) for name, value in line.items()} for line in records.read(path)]
    except (TypeError, ValueError) as error:
        raise InputError(path, f"it holds what is no number ({error})", AGAIN) from error


# Outputs ---------------------------------------------------------------------------------------------


def write_outputs(folder: Path, classes: Sequence[str], sides: Mapping[str, tuple[Rows, Output]]) -> list[Path]:
    """Write the outputs for the rows of several sides; returns the paths. No labels are involved, hence no scores."""
    outputs = [output for _, output in sides.values()]
    lines = [line for side, pair in sides.items() for line in _lines(side, *pair, classes)]
    columns = list(_columns(outputs[0], classes))
    records.write(folder / OUTPUT_FILES[0], [*ROW_COLUMNS, *columns], lines)
    with atomic(folder / OUTPUT_FILES[1]) as tmp:
        np.save(tmp, _joined([output.embeddings for output in outputs], sum(len(rows) for rows, _ in sides.values())))
    for name in outputs[0].extras:
        rows = [row for output in outputs for row in output.extras[name]]
        store.write(folder / f"extras.{name}.npy", rows, dtype=np.float32, dim=_width(outputs, name))
    return [folder / name for name in (*OUTPUT_FILES, *files_of(list(outputs[0].extras)))]


def _columns(output: Output, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """Values (N,) of each column of the table."""
    parts = [(classes, output.probabilities), (GENDER, output.gender), (RATINGS, output.dimensions)]
    return {name: values[:, k] for names, values in parts if values is not None for k, name in enumerate(names)}


def _lines(side: str, rows: Rows, output: Output, classes: Sequence[str]):
    columns, present = _columns(output, classes), rows.present()
    for i, utterance in enumerate(rows.utterances):
        line = {"utterance": utterance, "split": side, "present": int(present[i])}
        yield line | {name: _number(values[i]) for name, values in columns.items()}


def _number(value: float) -> str:
    """A cell, empty for a dimension that the model does not predict."""
    return "" if np.isnan(value) else f"{value:.7f}"


def _joined(arrays: list[np.ndarray | None], rows: int) -> np.ndarray:
    return np.empty((rows, 0), np.float32) if arrays[0] is None else np.concatenate(arrays)


def _width(outputs: list[Output], name: str) -> int | None:
    values = [output.extras[name].values for output in outputs]
    filled = next((v for v in values if len(v)), values[0])
    return filled.shape[1] if filled.ndim == 2 else None


@dataclass(frozen=True)
class StoredOutputs:
    """Stored outputs for N rows. A row may be repeated on its side; its repetitions are equal.

    index: (side, utterance) -> row. present: whether the row had any input, bool (N,). values: name of an output ("":
    probabilities) -> float32 (N, D), or a Ragged store.
    """

    index: dict[tuple[str, str], int]
    present: np.ndarray
    values: dict[str, np.ndarray | Ragged]


def read_outputs(folder: Path, classes: Sequence[str], names: Sequence[str] = ("",)) -> StoredOutputs:
    """Read outputs by name: "" (probabilities), "embeddings", or names of extras."""
    lines = list(read_lines(folder, classes))
    values: dict[str, np.ndarray | Ragged] = {}
    for name in names:
        if name == "embeddings":
            values[name] = read_embeddings(folder, len(lines))
            if not values[name].shape[1]:
                raise InputError(
                    folder / OUTPUT_FILES[1], "the model gives no embeddings", f"leave `.{name}` out of the input"
                )
        elif name:
            values[name] = Ragged.open(folder / f"extras.{name}.npy", len(lines)).check_finite()
        else:
            probabilities = np.array([line.probabilities for line in lines], np.float32)
            values[name] = probabilities.reshape(len(lines), len(classes))  # for no lines too
    index = {(line.side, line.utterance): i for i, line in enumerate(lines)}
    return StoredOutputs(index, np.array([line.present for line in lines], bool), values)


class Line(NamedTuple):
    """Outputs for a row. present: whether it had any input. others: values of OTHERS, NaN if not predicted."""

    side: str
    utterance: str
    present: bool
    probabilities: list[float]
    others: list[float]


def read_lines(folder: Path, classes: Sequence[str], side: str = "") -> Iterator[Line]:
    """Yield the lines of probabilities.csv in order, for one side or all; columns may be in any order.

    Raises InputError with the line number for an invalid distribution or number.
    """
    path = folder / OUTPUT_FILES[0]
    for number, line in enumerate(records.read(path), 2):
        if side in ("", line.get("split")):
            yield _line(path, number, line, classes)


def _line(path: Path, number: int, line: dict[str, str], classes: Sequence[str]) -> Line:
    if missing := [name for name in ROW_COLUMNS if line.get(name) is None]:
        raise InputError(path, f"line {number} has no {missing[0]!r}", AGAIN)
    where = f"line {number} ({line['utterance']!r})"
    try:
        values = [float(line[name]) for name in classes]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"{where} lacks a probability of one of {', '.join(classes)}", AGAIN) from error
    if not all(value >= 0 for value in values) or not abs(sum(values) - 1) <= TOLERANCE:
        raise InputError(path, f"{where} holds {values}, which is no distribution", "correct the model")
    others = [_other(path, where, line, name) for name in OTHERS]
    return Line(line["split"], line["utterance"], line["present"] == "1", values, others)


def _other(path: Path, where: str, line: dict[str, str], name: str) -> float:
    """Value of one of OTHERS, NaN if the cell is empty."""
    if not (text := line.get(name)):
        return np.nan
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if name == GENDER[0] and not 0 <= value <= 1:
        raise InputError(path, f"{where} holds {text} for {name}, which is no probability", "correct the model")
    if not np.isfinite(value):
        raise InputError(path, f"{where} holds {text} for {name}, which is no finite number", "correct the model")
    return value


def read_embeddings(folder: Path, rows: int | None = None) -> np.ndarray:
    """Read the embeddings, float32 (rows, E), in the row order of probabilities.csv; E is 0 for a model without any."""
    path = folder / OUTPUT_FILES[1]
    try:
        embeddings = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, f"it cannot be read ({error})", AGAIN) from error
    if embeddings.ndim != 2 or rows not in (None, len(embeddings)):
        raise InputError(path, f"its shape is {embeddings.shape}, but probabilities.csv has {rows} rows", AGAIN)
    return embeddings
