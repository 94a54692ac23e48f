"""Rotation over groups, which most splits share: fold i tests the i-th group, watches the next and trains on the rest.

So every row is test exactly once over the folds, and dev, which stops training and makes every choice, is never test.
"""

from collections.abc import Sequence

from emospace.core.errors import InputError

LEAST = 3  # folds, one of them for each side


def rotate(groups: Sequence, folds: int, unit: str) -> list[list[str]]:
    """Side of each row in each fold. groups: of each row, in order of their names. unit: what a group is called.

    Raises InputError unless there are just as many groups as folds.
    """
    names = sorted(set(groups))
    require(len(names), folds, unit)
    place = {name: i for i, name in enumerate(names)}

    def side(position: int, fold: int) -> str:
        return {0: "test", 1: "dev"}.get((position - fold) % folds, "train")

    return [[side(place[g], fold) for g in groups] for fold in range(folds)]


def require(found: int, folds: int, unit: str) -> None:
    """Raise InputError unless a corpus has as many units as the protocol has folds, and enough of them."""
    if found != folds or folds < LEAST:
        reason = f"the corpus has {found} {unit}s, the protocol {folds} folds (at least {LEAST} are needed)"
        raise InputError(f"split: {unit}", reason, f"set folds: {found} in the protocol")


def check_count(folds: int) -> None:
    """Raise InputError for fewer folds than there are sides."""
    if folds < LEAST:
        reason = f"it has {folds} fold{'s' * (folds != 1)}, and one group each is train, dev and test"
        raise InputError("folds", reason, f"set folds: {LEAST} or more, or use `split: table`")
