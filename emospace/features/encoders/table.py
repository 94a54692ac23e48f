"""Ready-made vectors, looked up by utterance: features that were computed elsewhere.

`features: {ids.wavlm: {encoder: table, file: vectors/wavlm.npy, ids: vectors/wavlm.txt}}`. An utterance without a
vector is missing.
"""

import csv
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import File
from emospace.core.plugin import near

VIEWS = ("ids",)
PACKAGES = ("numpy",)
NONE = np.empty((0, 0), np.float32)
KEY = "utterance"


def load(*, file: File, ids: File = "", steps: bool = False, known: Collection[str]) -> "Table":
    """Vectors from a table or folder, by utterance: float32 (T, D).

    file: a CSV whose first column is `utterance` and whose others hold D numbers; a .npy (N, D), and then `ids` is a
    text file with the utterance of each row; or a folder of <utterance>.npy, each (D,) or (T, D). steps: lines of a
    table with the same utterance are its steps, in order; otherwise such lines are refused. Raises InputError, with
    file and row, for an utterance that is none of `known`, a value that is not finite, and widths that differ.
    """
    check_load(file=file, ids=ids, steps=steps)
    path = Path(file)
    if path.is_dir():
        return Table(_folder(path, known), path)
    names, values = _csv(path) if path.suffix == ".csv" else (_ids(Path(ids)), _array(path))
    if len(names) != len(values):
        reason = f"it names {len(names)} utterances, and {path} holds {len(values)} rows"
        raise InputError(ids, reason, "give one line for each row")
    return Table(_by_utterance(names, values, steps, Path(ids or file), known), path)


def check_load(*, file: str, ids: str, steps: bool) -> None:
    """Raise InputError unless the file is there and of a form that `load` reads, and `ids` are named where needed."""
    path, wants = Path(file), Path(file).suffix == ".npy"
    for name in filter(None, (file, ids)):
        if not Path(name).exists():
            remedy = "name it from the project's folder, or in full"
            raise InputError("encoder table", f"there is no file or folder {name}", remedy)
    if path.is_file() and path.suffix not in (".csv", ".npy"):
        reason = f"{file} is neither .csv nor .npy nor a folder"
        raise InputError("encoder table", reason, "save the vectors in one of these forms")
    if wants != bool(ids):
        told = f"{file} does not say whose its rows are" if wants else f"only a .npy has `ids`, and {file} is none"
        remedy = "name a text file with one utterance per row in `ids`" if wants else "leave `ids` out"
        raise InputError("encoder table", told, remedy)


class Table:
    """Looks vectors up; see `load`."""

    batch = 256

    def __init__(self, rows: dict[str, np.ndarray | Path], path: Path):
        self.rows, self.path = rows, path
        self.width, self.first = 0, path
        self.facts = {"table": path.name, "utterances": len(rows)}

    def __call__(self, items: Sequence[str], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (T, D) of each utterance, (0, 0) where there is none."""
        return [self._row(self.rows[name]) if name in self.rows else NONE for name in utterances]

    def _row(self, found: np.ndarray | Path) -> np.ndarray:
        if not isinstance(found, Path):
            return found
        row = np.atleast_2d(_array(found, (1, 2)))
        if not self.width:
            self.width, self.first = row.shape[1], found
        if row.shape[1] != self.width:
            reason = f"it has the width {row.shape[1]}, {self.first} has {self.width}"
            raise InputError(found, reason, "make all of one width")
        return row


def _folder(path: Path, known: Collection[str]) -> dict[str, Path]:
    found = {file.stem: file for file in sorted(path.glob("*.npy"))}
    for name, file in found.items():
        _check_known(name, known, file)
    return found


def _by_utterance(
    names: Sequence[str], values: np.ndarray, steps: bool, file: Path, known: Collection[str]
) -> dict[str, np.ndarray]:
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        if name not in rows:
            _check_known(name, known, f"{file}: row {i}")
        elif not steps:
            reason = f"{name!r} is there again, first in row {rows[name][0]}"
            raise InputError(f"{file}: row {i}", reason, "remove one; or set `steps` if these are its steps")
        rows.setdefault(name, []).append(i)
    return {name: values[where] for name, where in rows.items()}


def _check_known(name: str, known: Collection[str], place: Path | str) -> None:
    if name not in known:
        guess = near(name, known) if len(known) < 20_000 else ""
        remedy = f"did you mean {guess!r}?" if guess else "see data/manifest for the utterances, and remove the others"
        raise InputError(place, f"{name!r} is no utterance of the config's corpora", remedy)


def _array(path: Path, dimensions: Iterable[int] = (2,)) -> np.ndarray:
    """A float32 array of so many dimensions. Nothing is unpickled."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, f"it is no readable array ({error})", "save it with numpy.save, as floats") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f" or found.ndim not in dimensions:
        form = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else "no single array"
        raise InputError(path, f"it holds {form}, not floats of shape (T, D)", "save it with numpy.save, as floats")
    return _finite(found, path)


def _finite(values: np.ndarray, path: Path) -> np.ndarray:
    with np.errstate(over="ignore"):
        made = values.astype(np.float32)
    bad = ~np.isfinite(made).reshape(len(made), -1).all(1) if made.size else np.zeros(0, bool)
    if bad.any():
        row = int(bad.argmax())
        raise InputError(f"{path}: row {row}", "it holds a value that is no finite number", "mend or remove the row")
    return made


def _ids(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(path, f"it is not UTF-8 (byte {error.start})", "save it as UTF-8") from error


def _csv(path: Path) -> tuple[list[str], np.ndarray]:
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            header, *lines = list(csv.reader(handle)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"it is no CSV in UTF-8 ({error})", "save it as UTF-8") from error
    if len(header) < 2 or header[0] != KEY:
        raise InputError(
            path, f"its header begins with {header[:2]}", f"call the first column {KEY!r}, then name each number"
        )
    for i, line in enumerate(lines):
        if len(line) != len(header):
            raise InputError(f"{path}: row {i}", f"it has {len(line)} cells, the header {len(header)}", "mend the row")
    return [line[0] for line in lines], _numbers(lines, len(header) - 1, path)


def _numbers(lines: list[list[str]], width: int, path: Path) -> np.ndarray:
    made = np.empty((len(lines), width), np.float64)
    for i, line in enumerate(lines):
        try:
            made[i] = [float(cell) for cell in line[1:]]
        except ValueError as error:
            raise InputError(f"{path}: row {i}", f"it holds no number ({error})", "mend or remove the row") from error
    return _finite(made, path)
