"""The audit: proof, before any training, that nothing crosses train, dev and test.

Works on the fold tables that training will read, not on the intention behind them, so a table edited or made by
another program is caught as well.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.fold_tables import INHERITED, LABELS, SIDES

PAIRS = list(combinations(SIDES, 2))
KINDS = ["utterance", "augmented child", "speaker", "dialogue", "recording"]  # that may not cross
REPEATED = "repeated row"
Table = Sequence[dict[str, str]]
Rows = Mapping[str, Utterance]


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
    """One thing found on two sides of a fold, or twice on one where it may not be."""

    fold: str
    kind: str  # utterance, speaker, dialogue, recording, augmented child, test label, repeated row
    sides: tuple[str, str]
    what: str

    def __str__(self) -> str:
        where = " and in ".join(self.sides) + " again" * (self.kind == REPEATED)
        return f"fold {self.fold}: {self.kind} {self.what!r} is in {where}"


def audit_fold(
    fold: str,
    table: Table,
    rows: Rows,
    recordings: Mapping[str, str],
    shared_dialogues: Collection[tuple[str, str]] = (),
) -> list[Leak]:
    """Leaks of one fold table.

    table: rows of the fold CSV (utterance, split, parent, label, ...). rows: the manifest by utterance. recordings:
    path of a sound or film -> digest of its content, so that one recording under two names is seen.
    shared_dialogues: pairs of sides that may share dialogues by the definition of the protocol; never with train.
    Raises InputError for a row that is not in the manifest or on no side, and for a recording without a digest.
    """
    found = [_row(fold, line, rows) for line in table]
    augmented = {line["parent"] for line in table} - {""}
    things = {side: _things(side, table, found, augmented, recordings) for side in SIDES}
    leaks = []
    for pair in PAIRS:
        crossing = {kind: things[pair[0]][kind] & things[pair[1]][kind] for kind in KINDS}
        if "train" not in pair and pair in shared_dialogues:
            crossing["dialogue"] = set()
            crossing["recording"] -= _of_one_dialogue(crossing["recording"], found, recordings)
        leaks += [Leak(fold, kind, pair, what) for kind in KINDS for what in sorted(crossing[kind])]
    return [*leaks, *_repeated(fold, table), *_children_outside_train(fold, table), *_test_labels(fold, table)]


def _row(fold: str, line: dict[str, str], rows: Rows) -> Utterance:
    """The row of the manifest that a row of the table is, or is a child of."""
    if line["split"] not in SIDES:
        reason = f"{line['utterance']!r} is in {line['split']!r}"
        raise InputError(f"fold {fold}", reason, f"sides are {', '.join(SIDES)}")
    source = line["parent"] or line["utterance"]
    try:
        return rows[source]
    except KeyError:
        raise InputError(f"fold {fold}", f"the manifest has no {source!r}", "run the workflow again") from None


def _things(
    side: str, table: Table, found: Sequence[Utterance], augmented: set[str], recordings: Mapping[str, str]
) -> dict[str, set[str]]:
    """Kind -> what a side has of it. A few large sets: one for each thing would keep the garbage collector busy.

    found: the row of the manifest for each row of the table.
    """
    mine = [row for row, line in zip(found, table, strict=True) if line["split"] == side]
    return {
        "utterance": {line["utterance"] for line in table if line["split"] == side},
        "augmented child": augmented.intersection(row.utterance for row in mine) if augmented else set(),
        "speaker": {row.speaker for row in mine},
        "dialogue": {row.dialogue for row in mine},
        "recording": {_digest(row, path, recordings) for row in mine for path in (row.audio, row.video) if path},
    }


def _digest(row: Utterance, path: str, recordings: Mapping[str, str]) -> str:
    """What tells the content of a row's sound or film."""
    try:
        return recordings[path]
    except KeyError:
        reason = f"{row.utterance!r} names it, and no digest tells what is in it"
        raise InputError(path, reason, "delete the manifest of its part and run the workflow again") from None


def _of_one_dialogue(digests: set[str], rows: Iterable[Utterance], recordings: Mapping[str, str]) -> set[str]:
    """Those of the recordings that are one file of one dialogue, out of which each row takes a part of its own."""
    homes = defaultdict(set)
    for row in rows if digests else ():
        for path in filter(None, (row.audio, row.video)):
            if (digest := recordings[path]) in digests:
                whole = row.whole and path == row.audio
                homes[digest].add((path, whole, row.utterance if whole else row.dialogue))
    return {digest for digest, found in homes.items() if len(found) == 1}


def _repeated(fold: str, table: Table) -> Iterable[Leak]:
    """Rows that dev or test has more than once, which only train may."""
    counts = Counter((line["split"], line["utterance"]) for line in table if line["split"] != "train")
    for (side, name), count in counts.items():
        if count > 1:
            yield Leak(fold, REPEATED, (side, side), name)


def _children_outside_train(fold: str, table: Table) -> Iterable[Leak]:
    for line in table:
        if line["parent"] and line["split"] != "train":
            yield Leak(fold, "augmented child", ("train", line["split"]), line["utterance"])


def _test_labels(fold: str, table: Table) -> Iterable[Leak]:
    for line in table:
        if line["split"] == "test" and any(line[name] for name in LABELS):
            yield Leak(fold, "test label", ("train", "test"), line["utterance"])


def audit_children(fold: str, table: Table, children: Table, view: str) -> list[Stray]:
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
