"""Folds of disjoint actors, balanced by sex and class: one fold is test, the next one dev, the others train.

Actors who share a dialogue or a recording stay together, as in corpora of conversations.
"""

from collections.abc import Sequence
from dataclasses import replace

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.splits._rotation import LEAST, check_count, rotate

FOLDS = 6
COVERS = True


def check(folds: int, sides: Sequence[str]) -> None:
    """Require a group of actors per side."""
    check_count(folds)


def split(rows: Sequence[Utterance], folds: int) -> list[list[str]]:
    """Rotate over groups of actors. Raises InputError for fewer actors than folds."""
    from emospace.protocols.splits._dealing import deal

    partner_of = partners(rows)
    names = set(partner_of.values())
    if len(names) < folds or folds < LEAST:
        together = f" ({len(partner_of)}, but some share dialogues)" if len(names) < len(partner_of) else ""
        reason = f"{len(names)} actors{together} cannot make {folds} folds"
        raise InputError("split: actors", reason, f"set {LEAST} <= folds <= actors")
    fold_of = deal([replace(row, speaker=partner_of[row.speaker]) for row in rows], folds)
    return rotate([fold_of[partner_of[row.speaker]] for row in rows], folds, "actors")


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
