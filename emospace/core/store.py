"""Ragged stores: N variable-length matrices in two plain .npy files, opened as memory maps.

`<part>.npy` contains the steps of all rows in sequence, shape (sum of T, D); `<part>.offsets.npy` contains N + 1 int64
offsets. Row i is offsets[i]:offsets[i + 1]; length zero means that the row lacks the modality.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError
from emospace.core.provenance import atomic, read_json


class RowError(InputError):
    """A row that a store cannot hold. Callers add the utterance and the plug-in at fault."""

    def __init__(self, path: Path, row: int, fault: str, remedy: str):
        super().__init__(path, f"row {row} {fault}", remedy)
        self.row, self.fault = row, fault


def offsets_path(path: Path) -> Path:
    """Return the path of a store's offsets file."""
    return Path(path).with_suffix(".offsets.npy")


def write(path: Path, rows: Iterable[np.ndarray], *, dtype, dim: int | None = None) -> tuple[int, int]:
    """Stream rows of shape (T_i, D), or (T_i,) for audio with dim=None, into a store; return (N, total steps).

    The files get their final names only after every row is written, finite and of one width; the data file is renamed
    last. A part without any step has shape (0, dim), or (0,) if dim is None.
    """
    path = Path(path)
    lengths = [0]
    width = dim
    with atomic(path) as data, atomic(offsets_path(path)) as index:
        raw = data.with_suffix(".raw")
        try:
            with open(raw, "wb") as handle:
                for i, row in enumerate(rows):
                    row = np.ascontiguousarray(row, dtype=dtype)
                    if len(row):
                        width = _width(path, i, row, width)
                        handle.write(row.data)
                    lengths.append(len(row))
            total = sum(lengths)
            flat = np.memmap(raw, dtype=dtype, mode="r") if total else np.empty(0, dtype)
            np.save(data, flat if width is None else flat.reshape(total, width))
            np.save(index, np.cumsum(lengths, dtype=np.int64))
        finally:
            raw.unlink(missing_ok=True)
    return len(lengths) - 1, total


def _width(path: Path, i: int, row: np.ndarray, width: int | None) -> int | None:
    row_width = row.shape[1] if row.ndim == 2 else None
    if (width is not None and row_width != width) or row.ndim > 2:
        raise RowError(path, i, f"has shape {row.shape}, expected width {width}", "give all rows one width")
    if row.dtype.kind == "f" and not np.isfinite(row).all():
        raise RowError(path, i, "holds values that are not finite", "look at that utterance's input")
    return row_width


class Ragged(Sequence):
    """A read-only view of a store. `ragged[i]` is row i, shape (T_i, D), without a copy.

    Raises InputError if offsets and values do not match.
    """

    def __init__(self, values: np.ndarray, offsets: np.ndarray, path: Path | str = "<memory>"):
        self.values, self.offsets, self.path = values, offsets, path
        ordered = offsets.ndim == 1 and len(offsets) and offsets[0] == 0 and (np.diff(offsets) >= 0).all()
        if not ordered or offsets[-1] != len(values):
            last = offsets[-1] if offsets.size else "nothing"
            reason = f"its offsets end at {last} but it holds {len(values)} steps"
            raise InputError(path, reason, "delete both files and run the workflow again")

    @classmethod
    def open(cls, path: Path, rows: int | None = None) -> "Ragged":
        """Open a store as a memory map. rows: the expected number of rows, from the manifest."""
        try:
            store = cls(np.load(path, "r", allow_pickle=False), np.load(offsets_path(path), allow_pickle=False), path)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(path, f"not a readable store ({error})", "delete it and run the workflow again") from error
        if rows is not None and len(store) != rows:
            raise InputError(path, f"holds {len(store)} rows, the manifest {rows}", "run the workflow again")
        return store

    @property
    def lengths(self) -> np.ndarray:
        """Number of steps per row, shape (N,)."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        i %= len(self)
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    def check_finite(self) -> "Ragged":
        """Return the store; raise InputError with the first bad row if any value is not finite."""
        step = 1 << 20
        for start in range(0, len(self.values), step):
            bad = ~np.isfinite(self.values[start : start + step])
            if bad.any():
                row = int(np.searchsorted(self.offsets, start + int(np.argwhere(bad)[0][0]), side="right")) - 1
                reason = f"row {row} holds values that are not finite"
                raise InputError(self.path, reason, "delete the store and run the workflow again")
        return self


def stack(rows: Sequence[np.ndarray], stores: Sequence[Ragged]) -> Ragged:
    """Return rows taken from these stores as one store in memory, with the stores' width and dtype even if empty."""
    empty = _same_width(stores)[0].values[:0]
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Ragged(np.concatenate([empty, *filter(len, rows)]), offsets)


def concatenate(stores: Sequence[Ragged]) -> Ragged:
    """Join the parts of a feature, in order. Parts without any step take the width of the others.

    Raises InputError with both files and the encoder if widths differ.
    """
    nonempty = _same_width(stores)
    values = np.concatenate([s.values for s in nonempty])
    lengths = np.concatenate([s.lengths for s in stores])
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), nonempty[0].path)


def _same_width(stores: Sequence[Ragged]) -> list[Ragged]:
    """Return the stores with at least one step, or else the first; raise InputError if their widths differ."""
    nonempty = [s for s in stores if len(s.values)] or list(stores[:1])
    first = nonempty[0]
    for other in nonempty[1:]:
        if other.values.shape[1:] != first.values.shape[1:]:
            widths = f"it has steps of shape {other.values.shape[1:]}, {first.path} of {first.values.shape[1:]}"
            writer = f"; {encoder} wrote it" if (encoder := _encoder_of(other.path)) else ""
            remedy = "make the width depend on options only, not on the part or the copy; see LoadedEncoder"
            raise InputError(other.path, f"{widths}{writer}", f"{remedy} in docs/contracts.md")
    return nonempty


def _encoder_of(path: Path | str) -> str:
    """Return the file of the encoder that wrote a store, or "" if no sidecar records it."""
    sidecar = Path(path).with_suffix(".json")
    recipe = read_json(sidecar).get("recipe", {}) if sidecar.is_file() else {}
    return f"emospace/features/encoders/{recipe['plugin']}.py" if {"feature", "plugin"} <= recipe.keys() else ""
