"""Folds of disjoint actors, balanced by sex and class: one fold is test, another one dev, the others train.

Actors who share a dialogue or a recording stay together, as in corpora of conversations.
"""

from collections.abc import Sequence
from dataclasses import replace

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.option_types import Count
from emospace.protocols.splits._rotation import LEAST, check_count, rotate

FOLDS = 6
COVERS = True


def check(folds: int, sides: Sequence[str], *, dev: int = 1) -> None:
    """Require a group of actors per side."""
    check_count(folds)
    if dev >= folds:
        raise InputError("dev", f"it is {dev}, and there are {folds - 1} groups beside test", f"set 1 to {folds - 1}")


def split(rows: Sequence[Utterance], folds: int, *, dev: Count = 1) -> list[list[str]]:
    """Rotate over groups of actors. Raises InputError for fewer actors than folds.

    dev: which group is dev: the one so many groups after the test group.
    """
    from emospace.protocols.splits._dealing import deal

    partner_of = partners(rows)
    names = set(partner_of.values())
    if len(names) < folds or folds < LEAST:
        together = f" ({len(partner_of)}, but some share dialogues)" if len(names) < len(partner_of) else ""
        reason = f"{len(names)} actors{together} cannot make {folds} folds"
        raise InputError("split: actors", reason, f"set {LEAST} <= folds <= actors")
    fold_of = deal([replace(row, speaker=partner_of[row.speaker]) for row in rows], folds)
    return rotate([fold_of[partner_of[row.speaker]] for row in rows], folds, "actors", dev)


def partners(rows: Sequence[Utterance]) -> dict[str, str]:
    """Speaker -> the first, by name, of all speakers with whom dialogues or recordings connect them."""
    first = {row.speaker: row.speaker for row in rows}

    def root(name: str) -> str:
        while first[name] != name:
            first[name] = name = first[first[name]]
        return name

    owner: dict[tuple[str, str], str] = {}
    for row in rows:
        for key in (("dialogue", row.dialogue), ("audio", row.audio), ("video", row.video)):
            if key[1]:
                one, two = sorted((root(row.speaker), root(owner.setdefault(key, row.speaker))))
                first[two] = one
    return {name: root(name) for name in first}
