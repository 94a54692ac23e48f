"""CSV files with a header: one record per line, cells as text."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from emospace.errors import InputError
from emospace.provenance import atomic


def write(path: Path, columns: Sequence[str], records: Iterable[dict]) -> None:
    """Write records that have just these columns (UTF-8, LF), atomically. Raises ValueError for an unknown key."""
    with atomic(path) as tmp, open(tmp, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def read(path: Path) -> list[dict[str, str]]:
    """Records of a file. Raises InputError where it is missing."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except FileNotFoundError as error:
        raise InputError(path, "no such file", "run the workflow step that makes it") from error
