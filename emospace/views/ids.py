"""The ids view: the utterances' own names, for encoders that look vectors up instead of computing them."""

from collections.abc import Sequence
from pathlib import Path

from emospace.core.manifest import Problem, Utterance
from emospace.core.texts import write
from emospace.views._reading import lines as read

KIND = "ids"
SUFFIX = ".csv"

__all__ = ["extract", "read"]


def extract(rows: Sequence[Utterance], root: Path, out: Path) -> tuple[list[Problem], dict]:
    """Write the CSV `out`; no row is missing."""
    names = [row.utterance for row in rows]
    write(out, names, names)
    return [], {"rows": len(rows), "missing": 0}
