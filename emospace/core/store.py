"""Ragged stores: N variable-length matrices in two plain .npy files, opened by memory map.

`<part>.npy` holds all rows' steps one after another, shape (sum of T, D); `<part>.offsets.npy` holds N + 1 int64
offsets. Row i is offsets[i]:offsets[i + 1]; length zero means that the modality is missing there.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError
from emospace.core.provenance import atomic, read_json


class RowError(InputError):
    """A row that a store cannot hold. Whoever knows which utterance it is of, and who made it, says so."""

    def __init__(self, path: Path, row: int, fault: str, remedy: str):
        super().__init__(path, f"row {row} {fault}", remedy)
        self.row, self.fault = row, fault


def offsets_path(path: Path) -> Path:
    """The offsets file beside a store."""
    return Path(path).with_suffix(".offsets.npy")


def write(path: Path, rows: Iterable[np.ndarray], *, dtype, dim: int | None = None) -> tuple[int, int]:
    """Stream rows of shape (T_i, D), or (T_i,) for audio with dim=None, into a store; returns (N, total steps).

    Nothing appears under the real names until every row is written, finite and of one width; the data are
    renamed last. A part without a single step has shape (0, dim), or (0,) where dim is None.
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
    found = row.shape[1] if row.ndim == 2 else None
    if (width is not None and found != width) or row.ndim > 2:
        raise RowError(path, i, f"has shape {row.shape}, expected width {width}", "give all rows one width")
    if row.dtype.kind == "f" and not np.isfinite(row).all():
        raise RowError(path, i, "holds values that are not finite", "look at that utterance's input")
    return found


class Ragged(Sequence):
    """Read-only view of a store. `ragged[i]` is row i, shape (T_i, D), without a copy.

    Raises InputError if the two files do not belong together.
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
        """Map a store; `rows` is the expected number of rows (that of the manifest)."""
        try:
            store = cls(np.load(path, "r", allow_pickle=False), np.load(offsets_path(path), allow_pickle=False), path)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(path, f"not a readable store ({error})", "delete it and run the workflow again") from error
        if rows is not None and len(store) != rows:
            raise InputError(path, f"holds {len(store)} rows, the manifest {rows}", "run the workflow again")
        return store

    @property
    def lengths(self) -> np.ndarray:
        """Steps per row, shape (N,)."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        i %= len(self)
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    def check_finite(self) -> "Ragged":
        """Raise InputError, naming the first bad row, if any value is not finite."""
        step = 1 << 20
        for start in range(0, len(self.values), step):
            bad = ~np.isfinite(self.values[start : start + step])
            if bad.any():
                row = int(np.searchsorted(self.offsets, start + int(np.argwhere(bad)[0][0]), side="right")) - 1
                reason = f"row {row} holds values that are not finite"
                raise InputError(self.path, reason, "delete the store and run the workflow again")
        return self


def stack(rows: Sequence[np.ndarray], stores: Sequence[Ragged]) -> Ragged:
    """The rows, which come out of these stores, as one store in memory; without a step it has their width and dtype."""
    empty = _alike(stores)[0].values[:0]
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Ragged(np.concatenate([empty, *filter(len, rows)]), offsets)


def concatenate(stores: Sequence[Ragged]) -> Ragged:
    """Join the parts of a feature, in order. Parts without a single step take the others' width.

    Raises InputError, naming both files and the encoder, where widths differ.
    """
    full = _alike(stores)
    values = np.concatenate([s.values for s in full])
    lengths = np.concatenate([s.lengths for s in stores])
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), full[0].path)


def _alike(stores: Sequence[Ragged]) -> list[Ragged]:
    """The stores that have any step, or else the first; their steps are of one width."""
    full = [s for s in stores if len(s.values)] or list(stores[:1])
    for other in full[1:]:
        if other.values.shape[1:] != full[0].values.shape[1:]:
            widths = f"it has steps of shape {other.values.shape[1:]}, {full[0].path} of {full[0].values.shape[1:]}"
            made = f"; {maker} made it" if (maker := _maker(other.path)) else ""
            remedy = "let the width depend on options alone, neither on the part nor on the copy; see LoadedEncoder"
            raise InputError(other.path, f"{widths}{made}", f"{remedy} in docs/contracts.md")
    return full


def _maker(path: Path | str) -> str:
    """The file of the encoder that made a store, "" where no sidecar tells."""
    sidecar = Path(path).with_suffix(".json")
    recipe = read_json(sidecar).get("recipe", {}) if sidecar.is_file() else {}
    return f"emospace/features/encoders/{recipe['plugin']}.py" if {"feature", "plugin"} <= recipe.keys() else ""
