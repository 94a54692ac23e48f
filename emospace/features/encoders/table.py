"""Precomputed features: vectors from a file or folder, looked up by utterance.

Config: `features: {ids.wavlm: {encoder: table, file: vectors/wavlm.npy, ids: vectors/wavlm.txt}}`. An utterance without
a vector is missing.
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
MISSING = np.empty((0, 0), np.float32)
KEY = "utterance"


def load(*, file: File, ids: File = "", steps: bool = False, known: Collection[str]) -> "Table":
    """Read vectors from a table or folder, by utterance: float32 (T, D).

    file: a CSV with the column `utterance` followed by D columns of numbers; a .npy (N, D), for which `ids` is a text
    file with one utterance per row; or a folder of <utterance>.npy, each (D,) or (T, D). steps: rows of a table with
    the same utterance are its steps, in order; otherwise they are refused. known: utterances of the corpora. Raises
    InputError, with file and row, for an unknown utterance, a value that is not finite, and differing widths.
    """
    check_load(file=file, ids=ids, steps=steps)
    path = Path(file)
    if path.is_dir():
        return Table(_folder(path, known), path)
    names, values = _csv(path) if path.suffix == ".csv" else (_ids(Path(ids)), _array(path))
    if len(names) != len(values):
        reason = f"it names {len(names)} utterances, but {path} has {len(values)} rows"
        raise InputError(ids, reason, "write one line per row")
    return Table(_by_utterance(names, values, steps, Path(ids or file), known), path)


def check_load(*, file: str, ids: str, steps: bool) -> None:
    """Raise InputError unless the file exists in a format that `load` reads, and `ids` is given exactly for a .npy."""
    path, needs_ids = Path(file), Path(file).suffix == ".npy"
    for name in filter(None, (file, ids)):
        if not Path(name).exists():
            remedy = "give a path relative to the project folder, or an absolute one"
            raise InputError("encoder table", f"there is no file or folder {name}", remedy)
    if path.is_file() and path.suffix not in (".csv", ".npy"):
        reason = f"{file} is neither a .csv, a .npy nor a folder"
        raise InputError("encoder table", reason, "save the vectors in one of these formats")
    if needs_ids and not ids:
        remedy = "set `ids` to a text file with one utterance per row"
        raise InputError("encoder table", f"{file} does not name the utterances of its rows", remedy)
    if ids and not needs_ids:
        raise InputError("encoder table", f"`ids` is for a .npy only, and {file} is not one", "remove `ids`")


class Table:
    """Look up vectors; see `load`."""

    batch = 256

    def __init__(self, rows: dict[str, np.ndarray | Path], path: Path):
        self.rows, self.path = rows, path
        self.width, self.first = 0, path
        self.facts = {"table": path.name, "utterances": len(rows)}

    def __call__(self, items: Sequence[str], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (T, D) of each utterance, (0, 0) for one without a vector."""
        return [self._row(self.rows[name]) if name in self.rows else MISSING for name in utterances]

    def _row(self, source: np.ndarray | Path) -> np.ndarray:
        if not isinstance(source, Path):
            return source
        row = np.atleast_2d(_array(source, (1, 2)))
        if not self.width:
            self.width, self.first = row.shape[1], source
        if row.shape[1] != self.width:
            reason = f"its width is {row.shape[1]}, but that of {self.first} is {self.width}"
            raise InputError(source, reason, "save all vectors with one width")
        return row


def _folder(path: Path, known: Collection[str]) -> dict[str, Path]:
    files = {file.stem: file for file in sorted(path.glob("*.npy"))}
    for name, file in files.items():
        _check_known(name, known, file)
    return files


def _by_utterance(
    names: Sequence[str], values: np.ndarray, steps: bool, file: Path, known: Collection[str]
) -> dict[str, np.ndarray]:
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        if name not in rows:
            _check_known(name, known, f"{file}: row {i}")
        elif not steps:
            reason = f"{name!r} occurs again, first in row {rows[name][0]}"
            raise InputError(f"{file}: row {i}", reason, "remove one, or set `steps` if the rows are its steps")
        rows.setdefault(name, []).append(i)
    return {name: values[indices] for name, indices in rows.items()}


def _check_known(name: str, known: Collection[str], place: Path | str) -> None:
    if name not in known:
        guess = near(name, known) if len(known) < 20_000 else ""
        remedy = f"did you mean {guess!r}?" if guess else "remove it; data/manifest lists the utterances"
        raise InputError(place, f"{name!r} is not an utterance of the config's corpora", remedy)


def _array(path: Path, dimensions: Iterable[int] = (2,)) -> np.ndarray:
    """Read a float32 array with one of these numbers of dimensions, without unpickling."""
    remedy = "save it with numpy.save, as floats"
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, f"it is not a readable array ({error})", remedy) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.ndim not in dimensions:
        content = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else "several arrays"
        raise InputError(path, f"it holds {content}, not floats of shape (T, D)", remedy)
    return _finite(array, path)


def _finite(values: np.ndarray, path: Path) -> np.ndarray:
    with np.errstate(over="ignore"):
        converted = values.astype(np.float32)
    bad = ~np.isfinite(converted).reshape(len(converted), -1).all(1) if converted.size else np.zeros(0, bool)
    if bad.any():
        row = int(bad.argmax())
        raise InputError(f"{path}: row {row}", "it holds a value that is not finite", "correct or remove the row")
    return converted


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
        raise InputError(path, f"it is not a CSV in UTF-8 ({error})", "save it as UTF-8") from error
    if len(header) < 2 or header[0] != KEY:
        remedy = f"name the first column {KEY!r}, followed by a column for each number"
        raise InputError(path, f"its header begins with {header[:2]}", remedy)
    for i, line in enumerate(lines):
        if len(line) != len(header):
            reason = f"it has {len(line)} cells, but the header has {len(header)}"
            raise InputError(f"{path}: row {i}", reason, "correct the row")
    return [line[0] for line in lines], _numbers(lines, len(header) - 1, path)


def _numbers(lines: list[list[str]], width: int, path: Path) -> np.ndarray:
    values = np.empty((len(lines), width), np.float64)
    for i, line in enumerate(lines):
        try:
            values[i] = [float(cell) for cell in line[1:]]
        except ValueError as error:
            reason = f"a cell is not a number ({error})"
            raise InputError(f"{path}: row {i}", reason, "correct or remove the row") from error
    return _finite(values, path)
