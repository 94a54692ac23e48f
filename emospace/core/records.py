"""CSV files with a header: one record per line, cells as text."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import atomic

REMEDY = "delete it and run the workflow again"
LARGEST = 2**27  # characters of a cell; Python's own limit of 131,072 is less than what `write` may be given


def write(path: Path, columns: Sequence[str], records: Iterable[dict]) -> None:
    """Write records that have just these columns (UTF-8, LF), atomically. Raises ValueError for an unknown key.

    What UTF-8 cannot hold (file names of other encodings) is written as an escape.
    """
    form = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
    with atomic(path) as tmp, open(tmp, "w", **form) as handle:
        writer = csv.DictWriter(handle, columns, lineterminator="\n")
        quoting = csv.DictWriter(handle, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        for record in records:
            # Python before 3.13 does not quote a carriage return, and then cannot read the line.
            one = quoting if any("\r" in cell for cell in record.values() if isinstance(cell, str)) else writer
            one.writerow(record)


def read(
    path: Path,
    columns: Sequence[str] = (),
    *,
    exactly: bool = False,
    remedy: str = "delete it and run the workflow again",
) -> list[dict[str, str]]:
    """Records of a file. Raises InputError, with this remedy, where it is missing or no such table.

    columns: those with which its header must begin (exactly: and end); then each record must have a cell for each.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise InputError(path, "no such file", "run the workflow step that makes it") from error
    except UnicodeDecodeError as error:
        raise InputError(path, f"it is not UTF-8 (byte {error.start})", remedy) from error
    csv.field_size_limit(LARGEST)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        found = list(reader.fieldnames or [])
        if columns and (found if exactly else found[: len(columns)]) != list(columns):
            raise InputError(path, f"its columns are {found}, not {list(columns)}", remedy)
        lines = list(reader)
    except csv.Error as error:
        raise InputError(path, f"after line {reader.line_num}: {error}", remedy) from error
    if columns and any(None in line or None in line.values() for line in lines):
        raise InputError(path, "some of its lines have more or fewer cells than its header", remedy)
    return lines
