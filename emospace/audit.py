"""The audit: proof, before any training, that nothing crosses train, dev and test.

Works on the fold tables that training will read, not on the intention behind them, so a table edited or made by
another program is caught as well.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from emospace.fold_tables import INHERITED
from emospace.manifest import Utterance

PAIRS = list(combinations(("train", "dev", "test"), 2))


@dataclass(frozen=True, slots=True)
class Stray:
    """One augmented row of a fold that is not what the child of a train row should be."""

    fold: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"fold {self.fold}: augmented child {self.what!r} {self.why}"


@dataclass(frozen=True, slots=True)
class Leak:
    """One thing found on two sides of a fold."""

    fold: str
    kind: str  # utterance, speaker, dialogue, recording, augmented child, test label
    sides: tuple[str, str]
    what: str

    def __str__(self) -> str:
        return f"fold {self.fold}: {self.kind} {self.what!r} is in {self.sides[0]} and in {self.sides[1]}"


def audit_fold(
    fold: str,
    table: Sequence[dict[str, str]],
    rows: dict[str, Utterance],
    recordings: dict[str, str],
    shared_dialogues: Iterable[tuple[str, str]] = (),
) -> tuple[list[Leak], dict]:
    """Leaks of one fold table, and facts for the report.

    table: rows of the fold CSV (utterance, split, parent, label, ...). rows: the manifest by utterance. recordings:
    audio path -> digest of its content, so that one recording under two names is seen.
    shared_dialogues: pairs of sides that may share dialogues by the definition of the protocol; never with train.
    """
    sides: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    augmented = {line["parent"] for line in table}
    for line in table:
        side, source = line["split"], line["parent"] or line["utterance"]
        row = rows[source]
        sides["utterance"][line["utterance"]].add(side)
        if source in augmented:
            sides["augmented child"][source].add(side)
        sides["speaker"][row.speaker].add(side)
        sides["dialogue"][row.dialogue].add(side)
        if row.whole and row.audio in recordings:
            sides["recording"][recordings[row.audio]].add(side)
    allowed = {("dialogue", frozenset(pair)) for pair in shared_dialogues if "train" not in pair}
    leaks = [
        Leak(fold, kind, pair, what)
        for kind, things in sides.items()
        for what, where in sorted(things.items())
        for pair in PAIRS
        if where.issuperset(pair) and (kind, frozenset(pair)) not in allowed
    ]
    return leaks + list(_children_outside_train(fold, table)) + list(_test_labels(fold, table)), _facts(table, rows)


def _children_outside_train(fold: str, table: Sequence[dict[str, str]]) -> Iterable[Leak]:
    for line in table:
        if line["parent"] and line["split"] != "train":
            yield Leak(fold, "augmented child", ("train", line["split"]), line["utterance"])


def _test_labels(fold: str, table: Sequence[dict[str, str]]) -> Iterable[Leak]:
    for line in table:
        if line["split"] == "test" and (line["label"] or line["gender"] or line["valence"]):
            yield Leak(fold, "test label", ("train", "test"), line["utterance"])


def audit_children(
    fold: str, table: Sequence[dict[str, str]], children: Sequence[dict[str, str]], view: str
) -> list[Stray]:
    """What is wrong with the children that a view adds to a fold; nothing, if all are copies of train rows.

    table: rows of the fold CSV; children: rows of the same columns, each the child of one of them.
    """
    parents = {line["utterance"]: line for line in table}
    seen: set[str] = set()
    found = []
    for child in children:
        found += [Stray(fold, child["utterance"], why) for why in _faults(child, parents.get(child["parent"]), view)]
        if child["utterance"] in seen or child["utterance"] in parents:
            found.append(Stray(fold, child["utterance"], "occurs twice"))
        seen.add(child["utterance"])
    return found


def _faults(child: dict[str, str], parent: dict[str, str] | None, view: str) -> Iterable[str]:
    if child["split"] != "train":
        yield f"is in {child['split']}, where no augmented row may be"
    if parent is None:
        yield f"has the parent {child['parent']!r}, which is not in the fold"
        return
    if parent["split"] != "train":
        yield f"has a parent in {parent['split']}"
    if child["utterance"] != f"{child['parent']}~{view}":
        yield f"does not bear the name of its parent {child['parent']!r} and of the view {view!r}"
    for name in INHERITED:
        if child[name] != parent[name]:
            yield f"has {name} {child[name]!r}, its parent {parent[name]!r}"


def normalise_text(text: str) -> str:
    """Text reduced to its words: case, accents, punctuation and spacing do not make two sentences differ."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or text
    return " ".join(re.findall(r"\w+", plain.lower()))


def _facts(table: Sequence[dict[str, str]], rows: dict[str, Utterance]) -> dict:
    """Counts per side, and how many test texts occur word for word in train (reported, not forbidden)."""
    train, test = ([normalise_text(rows[t["utterance"]].text) for t in _side(table, s)] for s in ("train", "test"))
    known = set(train)
    test = [t for t in test if t]
    return {
        "n": {side: len(_side(table, side)) for side in ("train", "dev", "test")},
        "speakers": {side: sorted({t["speaker"] for t in _side(table, side)}) for side in ("train", "dev", "test")},
        "test_texts": len(test),
        "test_texts_in_train": sum(t in known for t in test),
    }


def _side(table: Sequence[dict[str, str]], side: str) -> list[dict[str, str]]:
    return [t for t in table if t["split"] == side and not t["parent"]]
