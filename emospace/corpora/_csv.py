"""Read a user's table: CSV in any encoding, with any separator and column names."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.manifest import Problem
from emospace.core.plugin import near
from emospace.core.records import LARGEST

SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table: its file, its number, and its non-empty cells by our column names."""

    file: str
    number: int
    cells: dict[str, str]


def read(
    root: Path, file: str, known: Sequence[str], needed: Sequence[str], columns: Mapping[str, str], encoding: str
) -> tuple[list[Line], list[Problem]]:
    """Read the lines of `root/file`; return them and a Problem for each malformed one.

    known: our names of the columns to read; needed: those that must exist. columns: our name -> the table's, where they
    differ. Raises InputError, with the line number, for a table that does not exist, is not CSV in this encoding, has
    no lines or lacks a needed column.
    """
    path = root / file
    if not path.is_file():
        raise InputError(path, "the table does not exist", "set `options: {table: ...}` of the corpus to its path")
    records = _records(path, _decoded(path, encoding))
    header = [name.strip() for name in next(records, (1, []))[1]]
    place = _places(path, header, {name: columns.get(name, name) for name in known}, needed)
    lines, problems = [], []
    for number, cells in records:
        if not any(cells):
            continue  # an empty line, as spreadsheets append
        if len(cells) != len(header):
            detail = f"line {number} has {len(cells)} cells, the header has {len(header)}"
            remedy = "correct the line; put quotes around a cell that contains the separator"
            problems.append(Problem("", file, "bad line", detail, remedy, True))
            continue
        lines.append(Line(file, number, {name: cell for name, k in place.items() if (cell := cells[k].strip())}))
    if not lines:
        raise InputError(path, "it has no valid line", "write a header and a line for each utterance")
    return lines, problems


def _decoded(path: Path, encoding: str) -> str:
    """The text of a file. Raises InputError with the line number of the first byte that cannot be decoded."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except LookupError as error:
        raise InputError(path, f"unknown encoding {encoding!r}", "use one such as utf-8, latin-1 or cp1252") from error
    except UnicodeError as error:
        raise _undecodable(path, content, encoding, getattr(error, "start", 0)) from error
    if "\0" in text:
        raise InputError(path, f"it contains zero bytes, so its encoding is not {encoding}", _SAVE)
    return text


_SAVE = "save it as CSV in UTF-8, or set `options: {encoding: ...}` of the corpus"


def _undecodable(path: Path, content: bytes, encoding: str, at: int) -> InputError:
    number = content.count(b"\n", 0, at) + 1
    before = next((k for k, line in enumerate(content[:at].split(b"\n"), 1) if not line.isascii() and k < number), 0)
    reason = f"line {number}: byte {content[at]:#04x} is not {encoding}"
    if before:
        return InputError(path, f"{reason}, but line {before} is: it mixes two encodings", "save it as CSV in UTF-8")
    return InputError(path, reason, _SAVE)


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its first line, cells) for each record, the header first."""
    csv.field_size_limit(LARGEST)
    head = text.partition("\n")[0]
    separator = max(SEPARATORS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    first = 1
    try:
        for cells in reader:
            yield first, cells
            first = reader.line_num + 1
    except csv.Error as error:
        raise InputError(path, f"line {first}: {error}", "correct the quotes of the line") from error


def _places(path: Path, header: list[str], names: dict[str, str], needed: Sequence[str]) -> dict[str, int]:
    """Map our column names to their positions. Raises InputError for duplicate or missing columns."""
    if twice := next((name for name in header if name and header.count(name) > 1), ""):
        raise InputError(path, f"line 1: two columns are named {twice!r}", "give each column its own name")
    renamed = {name for name, theirs in names.items() if name != theirs}
    free = [name for name in header if name not in names.values()]
    for name, theirs in names.items():
        if theirs not in header and (name in needed or name in renamed):
            reason = f"line 1: it has no column {theirs!r}; its columns are {', '.join(header)}"
            similar = near(theirs, free) or (free[0] if free else "...")
            remedy = f"rename a column, or set `options: {{columns: {{{name}: {similar}}}}}` of the corpus"
            raise InputError(path, reason, remedy)
    return {name: header.index(theirs) for name, theirs in names.items() if theirs in header}
