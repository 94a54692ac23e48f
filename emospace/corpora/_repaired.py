"""Read a publisher's table whose encoding may be damaged; report what was repaired."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from emospace.core.encodings import decoded_lines
from emospace.core.manifest import Problem

LARGEST = 2**24  # bytes; publishers' tables have a few megabytes
AGAIN = "get the table again"

# Windows-1252 read as Latin-1 turns punctuation into control characters (U+0092 is an apostrophe).
_PUNCTUATION = {k: bytes([k]).decode("cp1252", errors="replace") for k in range(0x80, 0xA0)} | {0xA0: " "}
_CONTROL = re.compile("[\x80-\x9f]")


def read(root: Path, table: str, columns: Sequence[str], problems: list[Problem]) -> Iterator[tuple[int, dict]]:
    """Yield (line number, cells) of each line with all these columns; append the table's faults to `problems`.

    A table that lacks a column yields nothing. The text is split at line ends only, because str.splitlines also splits
    at U+0085, the ellipsis of Windows-1252.
    """
    path = root / table
    if path.stat().st_size > LARGEST:
        problems.append(Problem("", table, "unreadable", f"it has {path.stat().st_size} bytes", AGAIN, True))
        return
    lines, faults = decoded_lines(path.read_bytes())
    controls = {number for number, line in enumerate(lines, 1) if _CONTROL.search(line)}
    problems += [
        Problem("", table, "bad line", f"line {number} {fault}", "save the table as UTF-8")
        for number, fault in faults.items()
        if number not in controls
    ]
    if controls:
        detail = f"{len(controls)} lines contain punctuation of Windows-1252 as control characters; it is restored"
        problems.append(Problem("", table, "bad line", detail, "nothing is lost; a newer table may lack this fault"))
    reader = csv.DictReader(line.translate(_PUNCTUATION) for line in lines)
    try:
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            problems.append(Problem("", table, "bad line", f"line 1: no column {missing[0]!r}", AGAIN, True))
            return
        for cells in reader:
            yield reader.line_num, {name: (cells[name] or "").strip() for name in columns}
    except csv.Error as error:
        problems.append(Problem("", table, "bad line", f"line {reader.line_num}: {error}", AGAIN, True))
