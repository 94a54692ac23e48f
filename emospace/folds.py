"""Build what a model sees of a fold from files: the fold table, and a store or text view per part and input."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emospace.data import SPLITS, Fold, Rows
from emospace.errors import InputError
from emospace.provenance import read_json
from emospace.store import Ragged, concatenate
from emospace.texts import read as read_text

GENDERS = {"F": 0, "M": 1}
VAD = ("valence", "arousal", "dominance")


def read_fold(table: Path, protocol: Path, inputs: dict[str, Sequence[Path]]) -> Fold:
    """Read a fold. inputs: name -> files of all parts, in order (stores .npy, or text views .csv).

    Raises InputError for a value that is not finite, offsets that do not match, or a file of another corpus.
    """
    classes = read_json(protocol)["classes"]
    with open(table, encoding="utf-8", newline="") as handle:
        lines = list(csv.DictReader(handle))
    parts = sorted({line["part"] for line in lines})
    loaded = {name: dict(zip(_parts(files), map(_load, files), strict=True)) for name, files in inputs.items()}
    for name, by_part in loaded.items():
        if missing := set(parts) - set(by_part):
            raise InputError(table, f"input {name!r} lacks part {min(missing)}", "run the workflow again")
    sides = {side: [line for line in lines if line["split"] == side] for side in SPLITS}
    return Fold(classes, *(_rows(sides[side], classes, loaded) for side in SPLITS))


def _parts(files: Sequence[Path]) -> list[str]:
    return [Path(file).name.split(".")[0] for file in files]


def _load(path: Path) -> Ragged | list[str]:
    return read_text(path) if Path(path).suffix == ".csv" else Ragged.open(path).check_finite()


def _rows(lines: list[dict[str, str]], classes: list[str], loaded: dict) -> Rows:
    return Rows(
        utterances=[line["utterance"] for line in lines],
        speakers=[line["speaker"] for line in lines],
        inputs={name: _gather(lines, by_part) for name, by_part in loaded.items()},
        label=np.array([classes.index(line["label"]) if line["label"] else -1 for line in lines], np.int64),
        gender=np.array([GENDERS.get(line["gender"], -1) for line in lines], np.int64),
        vad=np.array([[float(line[v] or "nan") for v in VAD] for line in lines], np.float32).reshape(-1, 3),
    )


def _gather(lines: list[dict[str, str]], by_part: dict) -> Ragged | list[str]:
    """The rows of an input that the lines name, in their order."""
    rows = [by_part[line["part"]][int(line["row"])] for line in lines]
    if isinstance(next(iter(by_part.values())), list):
        return rows
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)]).astype(np.int64)
    full = [row for row in rows if len(row)]
    empty = concatenate(list(by_part.values())).values[:0]
    return Ragged(np.concatenate(full) if full else np.array(empty), offsets)
