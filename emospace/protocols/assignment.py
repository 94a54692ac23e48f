"""Hold what a split returns to its contract: folds, rows, known sides, nothing twice that may not be."""

from collections import Counter
from collections.abc import Iterable, Sequence

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.fold_tables import SIDES

SEE = "see Split in docs/contracts.md"
Sides = Sequence[str]  # of one row


def checked(
    found, rows: Sequence[Utterance], folds: int, *, file: str, sides: Sequence[str], leaky: bool, covers: bool
) -> list[list[Sides]]:
    """For each fold the sides of each row. Raises InputError, naming the file, for what the contract does not allow.

    sides: that may not be empty. leaky: may a row be on several sides, or occur twice on dev or test? covers: is each
    row to be test just once?
    """
    if len(found := _listed(found, file)) != folds:
        raise InputError(file, f"split() gave {len(found)} folds, and was asked for {folds}", SEE)
    assignment = [[_sides(one) for one in _listed(fold, file, f" for fold {k}")] for k, fold in enumerate(found)]
    for number, fold in enumerate(assignment):
        if len(fold) != len(rows):
            raise InputError(file, f"split() gave fold {number} {len(fold)} rows of {len(rows)}", SEE)
        _check_fold(number, fold, rows, file, sides, leaky)
    if covers:
        _check_cover(assignment, rows, file)
    return assignment


def _listed(found, file: str, where: str = "") -> list:
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise InputError(file, f"split() gave {found!r:.80}{where}, not a list", SEE)
    return list(found)


def _sides(one) -> Sides:
    if isinstance(one, str):
        return (one,) * bool(one)
    return tuple(one) if isinstance(one, Iterable) else (one,)  # which is no side, and is told as such


def _check_fold(
    number: int, fold: list[Sides], rows: Sequence[Utterance], file: str, sides: Sequence[str], leaky: bool
) -> None:
    for row, mine in zip(rows, fold, strict=True):
        if wrong := [side for side in mine if side not in SIDES]:
            reason = f"split() put {row.utterance!r} of fold {number} on the side {wrong[0]!r}"
            raise InputError(file, reason, f"sides are {', '.join(SIDES)}; {SEE}")
        if not leaky and len(mine) > 1 and set(mine) != {"train"}:
            reason = f"fold {number} has {row.utterance!r} on {' and on '.join(mine)}"
            raise InputError(file, reason, f"mend the split, or declare the protocol `leaky: true`; {SEE}")
    there = {side for mine in fold for side in mine}
    if missing := [side for side in sides if side not in there]:
        reason = f"fold {number} has no row on the side {missing[0]!r}"
        raise InputError(file, reason, f"mend the split, or declare `without: [{missing[0]}]` in the protocol; {SEE}")


def _check_cover(assignment: list[list[Sides]], rows: Sequence[Utterance], file: str) -> None:
    tested = Counter(i for fold in assignment for i, mine in enumerate(fold) for side in mine if side == "test")
    for i, row in enumerate(rows):
        if tested[i] != 1:
            reason = f"{row.utterance!r} is test {tested[i]} times over the folds, and COVERS says once"
            raise InputError(file, reason, f"mend the split; {SEE}")
