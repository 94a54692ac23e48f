"""The split given by a table: an official one, or one from a publication.

The table is a CSV file with the columns `utterance` and `side` (train, dev, test), and optionally `fold` (0, 1, ...;
default 0) and `copy` (how often the row occurs on that side, default 1, for published oversampling). Rows missing from
the table are on no side. Only a protocol declared leaky may have a row on several sides, or repeated outside train.
Without a table, the column `split` of the manifest applies, if the reader of the corpus fills it.
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
MOST = 1000  # largest number of copies of a row


def check(folds: int, sides: Sequence[str], *, file: str = "") -> None:
    """Check the table by itself: columns, values, folds, and sides without rows."""
    if not file:
        if folds != FOLDS:
            raise InputError("folds", f"a corpus has one official split, the protocol {folds} folds", "set `folds: 1`")
        return
    lines = _read(file, folds)
    for fold in range(folds):
        filled = {side for number, _, side in lines if number == fold}
        if missing := [side for side in sides if side not in filled]:
            reason = f"fold {fold} has no row on the side {missing[0]!r}"
            raise InputError(file, reason, f"add rows, or declare `without: [{missing[0]}]` in the protocol")


def split(
    rows: Sequence[Utterance], folds: int, *, known: Collection[str], file: str = ""
) -> list[list[Sequence[str]]]:
    """Sides of each row by the table. Raises InputError for an id that the corpus does not have.

    file: the table, in configs/splits; by default the manifest's column `split` applies.
    """
    if not file:
        if not any(row.split for row in rows):
            remedy = "set the option `file` to a table, or add a column `split` to the table of the corpus"
            raise InputError("split: table", "the corpus assigns no side to any row", remedy)
        return [[(row.split,) if row.split else () for row in rows]]
    lines = _read(file, folds)
    if unknown := {name: line for (_, name, _), (line, _) in lines.items() if name not in known}:
        name, line = next(iter(unknown.items()))
        more = f" ({len(unknown)} such ids)" if len(unknown) > 1 else ""
        reason = f"line {line}: the corpus has no utterance {name!r}{more}"
        raise InputError(file, reason, "correct the id, or remove the line")
    sides_of: list[dict[str, list[str]]] = [{} for _ in range(folds)]
    for (fold, name, side), (_, copies) in lines.items():
        sides_of[fold].setdefault(name, []).extend([side] * copies)
    return [[sides.get(row.utterance, ()) for row in rows] for sides in sides_of]


def _read(file: str, folds: int) -> dict[tuple[int, str, str], tuple[int, int]]:
    """Map (fold, utterance, side) to (line number, copies). Raises InputError for an invalid table."""
    lines = records.read(Path(file), remedy="save it as CSV in UTF-8")
    columns = [name for name in lines[0] if name] if lines else []  # None: cells beyond the header
    wrong = [name for name in columns if name not in COLUMNS] + [n for n in COLUMNS[:2] if n not in columns]
    if wrong:
        reason = f"its columns are {columns}" if lines else "it has no lines"
        raise InputError(file, reason, f"{', '.join(COLUMNS[:2])} are needed, {', '.join(COLUMNS[2:])} are allowed")
    parsed = {}
    for number, line in enumerate(lines, 2):
        key, copies = _parsed(file, number, line, folds)
        if key in parsed:
            reason = f"line {number}: {key[1]!r} is on the side {key[2]!r} of fold {key[0]} already"
            raise InputError(file, reason, "keep one line; the column `copy` sets how often the row occurs")
        parsed[key] = number, copies
    if (count := len(Counter(fold for fold, _, _ in parsed))) != folds:
        reason = f"it has {count} fold{'s' * (count != 1)}, the protocol {folds}"
        raise InputError(file, reason, "number them 0, 1, ..., and set `folds` in the protocol to their number")
    return parsed


def _parsed(file: str, number: int, line: dict[str, str], folds: int) -> tuple[tuple[int, str, str], int]:
    """Parse a line into ((fold, utterance, side), copies)."""

    def fault(reason: str, remedy: str) -> InputError:
        return InputError(file, f"line {number}: {reason}", remedy)

    if None in line or None in line.values():
        raise fault("it has more or fewer cells than the header", "correct the line")
    if line["side"] not in SIDES:
        raise fault(f"{line['utterance']!r} is on the side {line['side']!r}", f"sides are {', '.join(SIDES)}")
    fold, copies = line.get("fold") or "0", line.get("copy") or "1"
    if not (fold.isdecimal() and int(fold) < folds):
        raise fault(
            f"its fold is {fold!r}", f"this protocol has folds 0 to {folds - 1}; raise `folds` if it needs more"
        )
    if not (copies.isdecimal() and 1 <= int(copies) <= MOST):
        raise fault(f"its copy is {copies!r}", f"it must be the number of occurrences, 1 to {MOST}")
    return (int(fold), line["utterance"], line["side"]), int(copies)
