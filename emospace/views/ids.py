"""The ids view: the ids of the utterances, for encoders that look up precomputed vectors."""

from collections.abc import Sequence
from pathlib import Path

from emospace.core.manifest import Problem, Utterance
from emospace.core.texts import write
from emospace.views._reading import lines as read

KIND = "ids"
SUFFIX = ".csv"

__all__ = ["extract", "read"]


def extract(rows: Sequence[Utterance], root: Path, out: Path) -> tuple[list[Problem], dict]:
    """Write the CSV `out` with the id of each row; none is missing."""
    names = [row.utterance for row in rows]
    write(out, names, names)
    return [], {"rows": len(rows), "missing": 0}
