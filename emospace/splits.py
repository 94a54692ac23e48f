"""Protocols: who is train, dev and test in each fold, decided before anything is learnt.

Each split function takes the rows of the experiment and returns, per fold, one of "train", "dev", "test" for each row.
Every row is test exactly once over the folds. Dev is never part of test: it stops training and makes every choice.
The `label` of these rows is the class of the experiment, not the corpus's own code.
"""

import random as _random
from collections.abc import Callable, Sequence

from emospace.errors import InputError
from emospace.manifest import Utterance

Assignment = list[list[str]]


def session(rows: Sequence[Utterance], folds: int, seed: int) -> Assignment:
    """Nested leave-one-session-out: session i is test, the next one dev, the others train."""
    return _rotate([r.session for r in rows], folds, "session")


def speaker(rows: Sequence[Utterance], folds: int, seed: int) -> Assignment:
    """Leave-one-speaker-out: the other speakers of the test speaker's session are dev, other sessions train."""
    home = {r.speaker: r.session for r in rows}
    speakers = sorted(home)
    _require(len(speakers), folds, "speaker")
    lonely = [s for s in speakers if sum(home[t] == home[s] for t in speakers) < 2]
    if lonely:
        reason = f"speaker {lonely[0]} has no partner in session {home[lonely[0]]!r} to serve as dev"
        raise InputError("split: speaker", reason, "use the split 'actors' for this corpus")

    def place(row: Utterance, test: str) -> str:
        if row.speaker == test:
            return "test"
        return "dev" if row.session == home[test] else "train"

    return [[place(r, test) for r in rows] for test in speakers]


def actors(rows: Sequence[Utterance], folds: int, seed: int) -> Assignment:
    """Folds of disjoint actors, alike in sex and classes: one fold is test, the next one dev, the others train."""
    from emospace.dealing import deal

    names = {r.speaker for r in rows}
    if len(names) < folds or folds < 3:
        raise InputError("split: actors", f"{len(names)} actors cannot make {folds} folds", "set 3 <= folds <= actors")
    fold_of = deal(rows, folds)
    return _rotate([fold_of[r.speaker] for r in rows], folds, "actors")


def random(rows: Sequence[Utterance], folds: int, seed: int) -> Assignment:
    """Random folds of utterances: shares speakers, dialogues and recordings. Leaky by nature, for comparison only."""
    order = sorted(range(len(rows)), key=lambda i: rows[i].utterance)
    _random.Random(seed).shuffle(order)
    fold_of = {row: position % folds for position, row in enumerate(order)}
    return _rotate([fold_of[i] for i in range(len(rows))], folds, "random")


SPLITS: dict[str, Callable[[Sequence[Utterance], int, int], Assignment]] = {
    "session": session,
    "speaker": speaker,
    "actors": actors,
    "random": random,
}
FOLDS = {"session": 5, "speaker": 10, "actors": 6, "random": 5}
LEAKY = {"random"}
# Partners talk in the same dialogues, so dev and test share them by definition of this split; train never does.
SHARES_DIALOGUES = {"speaker": {("dev", "test")}}


def _require(found: int, folds: int, unit: str) -> None:
    if found != folds or folds < 3:
        reason = f"the corpus has {found} {unit}s, the protocol {folds} folds (at least 3 are needed)"
        raise InputError(f"split: {unit}", reason, f"set folds: {found} in the protocol")


def _rotate(groups: list, folds: int, unit: str) -> Assignment:
    """Fold i tests the i-th group, watches the next one and trains on the rest."""
    names = sorted(set(groups))
    _require(len(names), folds, unit)
    place = {name: i for i, name in enumerate(names)}

    def split(position: int, fold: int) -> str:
        return {0: "test", 1: "dev"}.get((position - fold) % folds, "train")

    return [[split(place[g], fold) for g in groups] for fold in range(folds)]
