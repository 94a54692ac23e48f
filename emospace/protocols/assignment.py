"""Check the return value of a split against its contract: folds, rows, sides, undeclared repetitions."""

from collections import Counter
from collections.abc import Iterable, Sequence

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.fold_tables import SIDES

SEE = "see Split in docs/contracts.md"
Sides = Sequence[str]  # all sides of one row


def checked(
    returned, rows: Sequence[Utterance], folds: int, *, file: str, sides: Sequence[str], leaky: bool, covers: bool
) -> list[list[Sides]]:
    """Normalise the value to the sides of each row in each fold. Raises InputError, naming the file, for a violation.

    sides: those that need rows. leaky: whether a row may be on several sides, or repeated in dev or test. covers:
    whether each row must be test exactly once over the folds.
    """
    if len(listed := _listed(returned, file)) != folds:
        raise InputError(file, f"split() returned {len(listed)} folds instead of {folds}", SEE)
    assignment = [[_sides(side) for side in _listed(fold, file, f" for fold {k}")] for k, fold in enumerate(listed)]
    for number, fold in enumerate(assignment):
        if len(fold) != len(rows):
            raise InputError(file, f"split() returned {len(fold)} of {len(rows)} rows for fold {number}", SEE)
        _check_fold(number, fold, rows, file, sides, leaky)
    if covers:
        _check_cover(assignment, rows, file)
    return assignment


def _listed(value, file: str, where: str = "") -> list:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InputError(file, f"split() returned {value!r:.80}{where}, not a list", SEE)
    return list(value)


def _sides(value) -> Sides:
    """The sides of one row: a name, "" for none, or several names. Other values are reported by `_check_fold`."""
    if isinstance(value, str):
        return (value,) * bool(value)
    return tuple(value) if isinstance(value, Iterable) else (value,)


def _check_fold(
    number: int, fold: list[Sides], rows: Sequence[Utterance], file: str, sides: Sequence[str], leaky: bool
) -> None:
    for row, assigned in zip(rows, fold, strict=True):
        if unknown := [side for side in assigned if side not in SIDES]:
            reason = f"split() put {row.utterance!r} of fold {number} on the side {unknown[0]!r}"
            raise InputError(file, reason, f"sides are {', '.join(SIDES)}; {SEE}")
        if not leaky and len(assigned) > 1 and set(assigned) != {"train"}:
            reason = f"fold {number} has {row.utterance!r} on {' and on '.join(assigned)}"
            raise InputError(file, reason, f"correct the split, or declare the protocol `leaky: true`; {SEE}")
    filled = {side for assigned in fold for side in assigned}
    if missing := [side for side in sides if side not in filled]:
        reason = f"fold {number} has no row on the side {missing[0]!r}"
        raise InputError(
            file, reason, f"correct the split, or declare `without: [{missing[0]}]` in the protocol; {SEE}"
        )


def _check_cover(assignment: list[list[Sides]], rows: Sequence[Utterance], file: str) -> None:
    tested = Counter(i for fold in assignment for i, sides in enumerate(fold) for side in sides if side == "test")
    for i, row in enumerate(rows):
        if tested[i] != 1:
            reason = f"{row.utterance!r} is test {tested[i]} times over the folds; COVERS requires once"
            raise InputError(file, reason, f"correct the split; {SEE}")
