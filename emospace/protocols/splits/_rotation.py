"""Rotation over groups, shared by most splits: in fold i, group i is test, a later one dev, the others train.

Every row is test exactly once over the folds. Dev, used for early stopping and every selection, is never test.
"""

from collections.abc import Sequence

from emospace.core.errors import InputError

LEAST = 3  # folds: one group per side


def rotate(groups: Sequence, folds: int, unit: str, dev: int = 1) -> list[list[str]]:
    """Side of each row in each fold. groups: the group of each row; groups rotate in sorted order. unit: its name.

    dev: how many groups after the test group the dev group comes, by default the next. Raises InputError unless there
    are as many groups as folds.
    """
    names = sorted(set(groups))
    require(len(names), folds, unit)
    position = {name: i for i, name in enumerate(names)}

    def side(group, fold: int) -> str:
        return {0: "test", dev: "dev"}.get((position[group] - fold) % folds, "train")

    return [[side(group, fold) for group in groups] for fold in range(folds)]


def require(count: int, folds: int, unit: str) -> None:
    """Raise InputError unless the corpus has as many units as the protocol has folds, and at least LEAST."""
    if count != folds or folds < LEAST:
        reason = f"the corpus has {count} {unit}s, the protocol {folds} folds (at least {LEAST} are needed)"
        raise InputError(f"split: {unit}", reason, f"set folds: {count} in the protocol")


def check_count(folds: int) -> None:
    """Raise InputError for fewer folds than sides."""
    if folds < LEAST:
        reason = f"it has {folds} fold{'s' * (folds != 1)}, but train, dev and test need one group each"
        raise InputError("folds", reason, f"set folds: {LEAST} or more, or use `split: table`")
