"""Ready-made features: vectors from a file or folder, looked up by utterance.

Config: `features: {ids.wavlm: {encoder: table, file: vectors/wavlm.parquet}}`. An utterance without a vector is
missing. The recipe of the feature holds the sha256 of the file, so changed vectors are read again.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core import extras
from emospace.core.errors import InputError
from emospace.core.option_types import File
from emospace.core.plugin import near
from emospace.features.encoders import _vectors

VIEWS = ("ids",)
PACKAGES = ("numpy", "pyarrow")
MISSING = np.empty((0, 0), np.float32)


def load(
    *,
    file: File,
    ids: File = "",
    steps: bool = False,
    unknown: Literal["stop", "leave_out"] = "stop",
    known: Collection[str],
) -> "Table":
    """Read the vectors of each utterance, float32 (T, D), from a table or folder.

    file: a CSV whose first column is `utterance`, followed by D columns of numbers; a .parquet with the column
    `utterance` and D columns of numbers or one column of lists (needs pyarrow, an extra); a .npy (N, D), for which
    `ids` is a text file with one utterance per row; or a folder of <utterance>.npy, each (D,) or (T, D). steps: rows of
    a table with the same utterance are its steps, in order; without it they are refused. unknown: stop at a vector
    whose utterance is in no corpus of the config, or leave it out; the sidecar counts the vectors left out. known:
    utterances of the corpora. Raises InputError, with file and row, for an unknown utterance, a value that is not
    finite, and differing widths.
    """
    check_load(file=file, ids=ids)
    path = Path(file)
    if path.is_dir():
        rows: dict[str, np.ndarray | Path] = {file.stem: file for file in sorted(path.glob("*.npy"))}
        places = {name: str(file) for name, file in rows.items()}
    else:
        rows, places = _by_utterance(*_vectors.read(path, ids), steps, ids or file)
    kept = _known(rows, places, path, known, unknown)
    return Table(kept, path, len(rows) - len(kept))


def check_load(*, file: str, ids: str, **_: object) -> None:
    """Raise InputError unless the file exists in a format that `load` reads, and `ids` is given exactly for a .npy."""
    path, needs_ids = Path(file), Path(file).suffix == ".npy"
    for name in filter(None, (file, ids)):
        if not Path(name).exists():
            remedy = "give a path relative to the project folder, or an absolute one"
            raise InputError("encoder table", f"there is no file or folder {name}", remedy)
    if path.is_file() and path.suffix not in _vectors.SUFFIXES:
        reason = f"{file} is neither a folder nor one of {', '.join(_vectors.SUFFIXES)}"
        raise InputError("encoder table", reason, "save the vectors in one of these formats")
    if needs_ids and not ids:
        remedy = "set `ids` to a text file with one utterance per row"
        raise InputError("encoder table", f"{file} does not name the utterances of its rows", remedy)
    if ids and not needs_ids:
        raise InputError("encoder table", f"`ids` is for a .npy only, and {file} is not one", "remove `ids`")
    if path.suffix == ".parquet":
        extras.require("pyarrow", "encoder table")


class Table:
    """Look up vectors; see `load`."""

    batch = 256

    def __init__(self, rows: dict[str, np.ndarray | Path], path: Path, left_out: int):
        self.rows = rows
        self.width, self.first = 0, path
        self.facts = {"table": path.name, "utterances": len(rows), "left_out": left_out}

    def __call__(self, items: Sequence[str], utterances: Sequence[str]) -> list[np.ndarray]:
        """Vectors float32 (T, D) of each utterance, (0, 0) for one without a vector."""
        return [self._row(self.rows[name]) if name in self.rows else MISSING for name in utterances]

    def _row(self, source: np.ndarray | Path) -> np.ndarray:
        if not isinstance(source, Path):
            return source
        row = np.atleast_2d(_vectors.array(source, (1, 2)))
        if not self.width:
            self.width, self.first = row.shape[1], source
        if row.shape[1] != self.width:
            reason = f"its width is {row.shape[1]}, but that of {self.first} is {self.width}"
            raise InputError(source, reason, "save all vectors with one width")
        return row


def _by_utterance(
    names: Sequence[str], values: np.ndarray, steps: bool, file: str
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the vectors of each utterance, and the file and number of its first row."""
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        if name in rows and not steps:
            reason = f"{name!r} occurs again, first in row {rows[name][0]}"
            raise InputError(f"{file}: row {i}", reason, "remove one, or set `steps` if the rows are its steps")
        rows.setdefault(name, []).append(i)
    places = {name: f"{file}: row {indices[0]}" for name, indices in rows.items()}
    return {name: values[indices] for name, indices in rows.items()}, places


def _known(rows: dict, places: dict[str, str], path: Path, known: Collection[str], unknown: str) -> dict:
    """Return the rows of known utterances. Raises InputError if any is unknown with "stop", or if all are unknown."""
    others = [name for name in rows if name not in known]
    if others and unknown == "stop":
        count = f" (nor are {len(others) - 1} others)" if others[1:] else ""
        guess = near(others[0], known) if len(known) < 20_000 else ""
        remedy = f"did you mean {guess!r}?" if guess else "data/manifest lists the utterances."
        remedy += " Set `unknown: leave_out` to leave out such vectors"
        reason = f"{others[0]!r} is not an utterance of the config's corpora{count}"
        raise InputError(places[others[0]], reason, remedy)
    if others and len(others) == len(rows):
        reason = f"none of its {len(rows)} utterances belongs to the config's corpora, the first is {others[0]!r}"
        raise InputError(path, reason, "data/manifest lists the utterances")
    return {name: row for name, row in rows.items() if name in known}
