"""CSV files with a header: one record per line, all cells text."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import atomic

REMEDY = "delete it and run the workflow again"
LARGEST = 2**27  # characters in a cell; cells may exceed Python's default limit of 131,072


def write(path: Path, columns: Sequence[str], records: Iterable[dict]) -> None:
    """Write records with these columns (UTF-8, LF), atomically. Raises ValueError for an unknown key.

    Bytes that UTF-8 cannot encode (file names in other encodings) are escaped.
    """
    mode = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
    with atomic(path) as tmp, open(tmp, "w", **mode) as handle:
        plain = csv.DictWriter(handle, columns, lineterminator="\n")
        quoting = csv.DictWriter(handle, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writeheader()
        for record in records:
            # Python before 3.13 does not quote a carriage return, and then cannot read the line.
            writer = quoting if any("\r" in cell for cell in record.values() if isinstance(cell, str)) else plain
            writer.writerow(record)


def read(
    path: Path,
    columns: Sequence[str] = (),
    *,
    exactly: bool = False,
    remedy: str = "delete it and run the workflow again",
) -> list[dict[str, str]]:
    """Read the records of a file. Raises InputError, with this remedy, if it is missing or not such a table.

    columns: the columns with which the header must begin (exactly=True: and end); each record then needs a cell for
    each column of the header.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise InputError(path, "no such file", "run the workflow step that writes it") from error
    except UnicodeDecodeError as error:
        raise InputError(path, f"it is not UTF-8 (byte {error.start})", remedy) from error
    csv.field_size_limit(LARGEST)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        header = list(reader.fieldnames or [])
        if columns and (header if exactly else header[: len(columns)]) != list(columns):
            raise InputError(path, f"its columns are {header}, not {list(columns)}", remedy)
        lines = list(reader)
    except csv.Error as error:
        raise InputError(path, f"after line {reader.line_num}: {error}", remedy) from error
    if columns and any(None in line or None in line.values() for line in lines):
        raise InputError(path, "some of its lines have more or fewer cells than its header", remedy)
    return lines
