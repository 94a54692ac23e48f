"""Statistics from prepared tables (emospace/corpora/prepared.py), looked up by utterance."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import File
from emospace.corpora import _prepared

VIEWS = ("ids",)
HOLDS = "statistics"
PACKAGES = ("numpy",)
MISSING = np.empty((0, 0), np.float32)


def load(*, train_table: File, test_table: File) -> "Prepared":
    """Encoder of utterances -> float32 (1, D). train_table, test_table: the tables of statistics.

    Raises InputError for tables with different statistics, a cell that is not a finite number, and copies that differ.
    """
    names, lines = _prepared.read_statistics([Path(train_table), Path(test_table)])
    values: dict[str, np.ndarray] = {}
    for line in lines:
        name, row = line["wav_file"], _numbers(line, names, train_table)
        if not np.array_equal(values.setdefault(name, row), row):
            raise InputError(train_table, f"the copies of {name!r} differ", _prepared.REMEDY)
    return Prepared(names, values)


def _numbers(line: dict[str, str], names: Sequence[str], file: str) -> np.ndarray:
    try:
        row = np.array([float(line[name]) for name in names], np.float32)
    except ValueError as error:
        reason = f"{line['wav_file']!r} has a cell that is no number ({error})"
        raise InputError(file, reason, _prepared.REMEDY) from error
    if not np.isfinite(row).all():
        raise InputError(file, f"{line['wav_file']!r} has a number that is not finite", _prepared.REMEDY)
    return row


class Prepared:
    """Look up statistics; see `load`."""

    batch = 256

    def __init__(self, names: Sequence[str], values: dict[str, np.ndarray]):
        self.values, self.facts = values, {"names": list(names), "utterances": len(values)}

    def __call__(self, items: Sequence[str], utterances: Sequence[str]) -> list[np.ndarray]:
        """Statistics float32 (1, D) of each utterance, (0, 0) for one without any."""
        return [self.values[name][None] if name in self.values else MISSING for name in utterances]
