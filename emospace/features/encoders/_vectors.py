"""Read ready-made vectors from a CSV, Parquet or NumPy file: (utterance of each row, matrix float32 (N, D)).

Nothing is unpickled. Every error names the file and, where there is one, the row, counted from 0.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emospace.core.errors import InputError

if TYPE_CHECKING:
    import pyarrow

KEY = "utterance"
SUFFIXES = (".csv", ".parquet", ".npy")
Rows = tuple[list[str], np.ndarray]


def read(path: Path, ids: str) -> Rows:
    """Read a file in any of these formats. ids: text file with the utterance of each row, for a .npy only."""
    if path.suffix == ".npy":
        names, values = _ids(Path(ids)), array(path)
        if len(names) != len(values):
            reason = f"it names {len(names)} utterances, but {path} has {len(values)} rows"
            raise InputError(ids, reason, "write one line per row")
        return names, values
    return _csv(path) if path.suffix == ".csv" else _parquet(path)


def array(path: Path, dimensions: Iterable[int] = (2,)) -> np.ndarray:
    """Read a float32 array with one of these numbers of dimensions, without unpickling."""
    remedy = "save it with numpy.save, as floats"
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, f"it is not a readable array ({error})", remedy) from error
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.ndim not in dimensions:
        content = f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else "several arrays"
        raise InputError(path, f"it holds {content}, not floats of shape (T, D)", remedy)
    return _finite(values, path)


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


def _csv(path: Path) -> Rows:
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


def _parquet(path: Path) -> Rows:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(path).read()
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(path, f"it is not a readable Parquet file ({error})", "write it again") from error
    columns = [name for name in table.column_names if name != KEY]
    if KEY not in table.column_names or not columns:
        remedy = f"give it a column {KEY!r}, and a column for each number or one column of lists"
        raise InputError(path, f"its columns are {table.column_names[:3]}", remedy)
    if len(columns) == 1 and pyarrow.types.is_nested(table.schema.field(columns[0]).type):
        values = _lists(table[columns[0]].to_pylist(), path)
    else:
        values = np.column_stack([_column(table[name], name, path) for name in columns])
    return [str(name) for name in table[KEY].to_pylist()], _finite(values, path)


def _column(column: "pyarrow.ChunkedArray", name: str, path: Path) -> np.ndarray:
    """Return a column of numbers as float64, with NaN for nulls."""
    import pyarrow

    if not (pyarrow.types.is_floating(column.type) or pyarrow.types.is_integer(column.type)):
        raise InputError(path, f"its column {name!r} holds {column.type}, not numbers", "remove or convert the column")
    return column.cast(pyarrow.float64(), safe=False).to_numpy()


def _lists(rows: list, path: Path) -> np.ndarray:
    """Return lists of equal length as a matrix, with NaN for nulls."""
    width = len(rows[0] or ()) if rows else 0
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width:
            reason = f"its width is {len(row or ())}, but that of row 0 is {width}"
            raise InputError(f"{path}: row {i}", reason, "save all vectors with one width")
    try:
        return np.array(rows, np.float64).reshape(len(rows), width)
    except (TypeError, ValueError) as error:
        raise InputError(path, f"its lists do not hold numbers ({error})", "save lists of numbers") from error
