"""Lines of a table that people wrote: CSV in an encoding of theirs, with columns under names of theirs."""

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
    """A line of a table: file, number, and its cells that are not empty, by our names of the columns."""

    file: str
    number: int
    cells: dict[str, str]


def read(
    root: Path, file: str, known: Sequence[str], needed: Sequence[str], columns: Mapping[str, str], encoding: str
) -> tuple[list[Line], list[Problem]]:
    """Lines of `root/file`, and a Problem for each that cannot be one.

    known, needed: our names of columns; columns: our name -> that in the table, where it differs. Other columns are not
    read. Raises InputError, with the number of the line, for a table that is not there, is in another encoding, is no
    CSV, has no lines, or lacks a column.
    """
    path = root / file
    if not path.is_file():
        raise InputError(path, "there is no such table", "set `options: {table: ...}` of the corpus to its path")
    records = _records(path, _decoded(path, encoding))
    header = [name.strip() for name in next(records, (1, []))[1]]
    place = _places(path, header, {name: columns.get(name, name) for name in known}, needed)
    lines, problems = [], []
    for number, cells in records:
        if not any(cells):
            continue  # an empty line, as spreadsheets leave at the end
        if len(cells) != len(header):
            detail = f"line {number} has {len(cells)} cells, the header {len(header)}"
            remedy = "correct the line; put quotes around a cell that holds the separator"
            problems.append(Problem("", file, "bad line", detail, remedy, True))
            continue
        lines.append(Line(file, number, {name: cell for name, k in place.items() if (cell := cells[k].strip())}))
    if not lines:
        raise InputError(path, "it has no line that can be read", "give it a header and a line for each utterance")
    return lines, problems


def _decoded(path: Path, encoding: str) -> str:
    """The text of a file. Raises InputError that names the line where another encoding begins."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except LookupError as error:
        raise InputError(path, f"there is no encoding {encoding!r}", "such as utf-8, latin-1, cp1252") from error
    except UnicodeError as error:
        raise _mixed(path, content, encoding, getattr(error, "start", 0)) from error
    if "\0" in text:
        raise InputError(path, "it holds zero bytes, so it is not in the encoding that it is read as", _SAVE)
    return text


_SAVE = "save it as CSV in UTF-8, or set `options: {encoding: ...}` of the corpus"


def _mixed(path: Path, content: bytes, encoding: str, at: int) -> InputError:
    number = content.count(b"\n", 0, at) + 1
    before = next((k for k, line in enumerate(content[:at].split(b"\n"), 1) if not line.isascii() and k < number), 0)
    reason = f"line {number}: byte {content[at]:#04x} is not {encoding}"
    if before:
        return InputError(path, f"{reason}, though line {before} is: it is in two encodings", "save it as CSV in UTF-8")
    return InputError(path, reason, _SAVE)


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, cells) of each record, the header first."""
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
    """Our name of a column -> its place."""
    if twice := next((name for name in header if name and header.count(name) > 1), ""):
        raise InputError(path, f"line 1: two columns are called {twice!r}", "give each its own name")
    renamed = {name for name, theirs in names.items() if name != theirs}
    free = [name for name in header if name not in names.values()]
    for name, theirs in names.items():
        if theirs not in header and (name in needed or name in renamed):
            reason = f"line 1: it has no column {theirs!r}; its columns are {', '.join(header)}"
            like = near(theirs, free) or (free[0] if free else "...")
            remedy = f"call it so, or set `options: {{columns: {{{name}: {like}}}}}` of the corpus"
            raise InputError(path, reason, remedy)
    return {name: header.index(theirs) for name, theirs in names.items() if theirs in header}
