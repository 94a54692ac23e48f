"""The split that a table spells out: an official one, or one as somebody published it.

Without a table, it is the column `split` of the corpus's own manifest, where its reader tells it. A table is a CSV file
with the columns `utterance` and `side` (train, dev, test), and, where needed, `fold` (0, 1, and so on; by default 0)
and `copy` (how often the row occurs on that side, by default 1: oversampling as published). Rows that it does not name
are on no side. Only in a protocol that is declared leaky may a row be on several sides, or occur more than once outside
train.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from emospace.core import records
from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.fold_tables import SIDES

FOLDS = 1
FILES = ("file",)
COLUMNS = ("utterance", "side", "fold", "copy")
MOST = 1000  # copies of a row


def check(folds: int, sides: Sequence[str], *, file: str = "") -> None:
    """What the table alone tells: its columns, its words, its folds, and a side without rows."""
    if not file:
        if folds != FOLDS:
            raise InputError("folds", f"a corpus has one official split, the protocol {folds} folds", "set `folds: 1`")
        return
    found = _read(file, folds)
    for fold in range(folds):
        there = {side for number, _, side in found if number == fold}
        if missing := [side for side in sides if side not in there]:
            reason = f"fold {fold} has no row on the side {missing[0]!r}"
            raise InputError(file, reason, f"name some, or declare `without: [{missing[0]}]` in the protocol")


def split(
    rows: Sequence[Utterance], folds: int, *, known: Collection[str], file: str = ""
) -> list[list[Sequence[str]]]:
    """Sides of each row by the table. Raises InputError for an id that the corpus does not have.

    file: the table, below configs/splits; by default the corpus says the side of each row.
    """
    if not file:
        if not any(row.split for row in rows):
            remedy = "name a table in the option `file`, or give that of the corpus a column `split`"
            raise InputError("split: table", "no row of the corpus has a side of its own", remedy)
        return [[(row.split,) if row.split else () for row in rows]]
    found = _read(file, folds)
    if strange := {name: line for (_, name, _), (line, _) in found.items() if name not in known}:
        name, line = next(iter(strange.items()))
        more = f" ({len(strange)} such)" if len(strange) > 1 else ""
        reason = f"line {line}: the corpus has no utterance {name!r}{more}"
        raise InputError(file, reason, "correct the id, or remove the line")
    place: list[dict[str, list[str]]] = [{} for _ in range(folds)]
    for (fold, name, side), (_, copies) in found.items():
        place[fold].setdefault(name, []).extend([side] * copies)
    return [[sides.get(row.utterance, ()) for row in rows] for sides in place]


def _read(file: str, folds: int) -> dict[tuple[int, str, str], tuple[int, int]]:
    """(fold, utterance, side) -> number of its line, copies. Raises InputError where the table cannot be one."""
    lines = records.read(Path(file), remedy="save it as CSV in UTF-8")
    columns = [name for name in lines[0] if name] if lines else []  # None: cells beyond the header
    wrong = [name for name in columns if name not in COLUMNS] + [n for n in COLUMNS[:2] if n not in columns]
    if wrong:
        reason = f"its columns are {columns}" if lines else "it has no lines"
        raise InputError(file, reason, f"{', '.join(COLUMNS[:2])} are needed, {', '.join(COLUMNS[2:])} are allowed")
    found = {}
    for number, line in enumerate(lines, 2):
        key, copies = _parsed(file, number, line, folds)
        if key in found:
            reason = f"line {number}: {key[1]!r} is on the side {key[2]!r} of fold {key[0]} already"
            raise InputError(file, reason, "write it once; the column `copy` says how often the row occurs")
        found[key] = number, copies
    if (there := len(Counter(fold for fold, _, _ in found))) != folds:
        reason = f"it has {there} fold{'s' * (there != 1)}, the protocol {folds}"
        raise InputError(file, reason, "number them 0, 1, ..., and set `folds` in the protocol to their number")
    return found


def _parsed(file: str, number: int, line: dict[str, str], folds: int) -> tuple[tuple[int, str, str], int]:
    """(fold, utterance, side) and copies of a line."""

    def refuse(what: str, remedy: str) -> InputError:
        return InputError(file, f"line {number}: {what}", remedy)

    if None in line or None in line.values():
        raise refuse("it has more or fewer cells than the header", "correct the line")
    if line["side"] not in SIDES:
        raise refuse(f"{line['utterance']!r} is on the side {line['side']!r}", f"sides are {', '.join(SIDES)}")
    fold, copies = line.get("fold") or "0", line.get("copy") or "1"
    if not (fold.isdecimal() and int(fold) < folds):
        raise refuse(
            f"its fold is {fold!r}", f"folds of this protocol are 0 to {folds - 1}; set `folds` if it has more"
        )
    if not (copies.isdecimal() and 1 <= int(copies) <= MOST):
        raise refuse(f"its copy is {copies!r}", f"it says how often the row occurs, 1 to {MOST}")
    return (int(fold), line["utterance"], line["side"]), int(copies)
