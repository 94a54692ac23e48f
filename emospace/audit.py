"""The audit: proof, before any training, that nothing crosses train, dev and test.

Works on the fold tables that training will read, not on the intention behind them, so a table edited or made by
another program is caught as well.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from emospace.errors import InputError
from emospace.fold_tables import INHERITED, LABELS, SIDES
from emospace.manifest import Utterance

PAIRS = list(combinations(SIDES, 2))
KINDS = ["utterance", "augmented child", "speaker", "dialogue", "recording"]  # that may not cross
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
    """One thing found on two sides of a fold."""

    fold: str
    kind: str  # utterance, speaker, dialogue, recording, augmented child, test label
    sides: tuple[str, str]
    what: str

    def __str__(self) -> str:
        return f"fold {self.fold}: {self.kind} {self.what!r} is in {self.sides[0]} and in {self.sides[1]}"


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
    _check_rows(fold, table, rows)
    augmented = {line["parent"] for line in table} - {""}
    things = {
        side: _things([line for line in table if line["split"] == side], augmented, rows, recordings) for side in SIDES
    }
    leaks = []
    for pair in PAIRS:
        crossing = {kind: things[pair[0]][kind] & things[pair[1]][kind] for kind in KINDS}
        if "train" not in pair and pair in shared_dialogues:
            crossing["dialogue"] = set()
            named = (rows[_source(line)] for line in table)
            crossing["recording"] -= _of_one_dialogue(crossing["recording"], named, recordings)
        leaks += [Leak(fold, kind, pair, what) for kind in KINDS for what in sorted(crossing[kind])]
    return [*leaks, *_children_outside_train(fold, table), *_test_labels(fold, table)]


def _source(line: dict[str, str]) -> str:
    """The utterance that a row is, or is a child of."""
    return line["parent"] or line["utterance"]


def _check_rows(fold: str, table: Table, rows: Rows) -> None:
    for line in table:
        if _source(line) not in rows:
            raise InputError(f"fold {fold}", f"the manifest has no {_source(line)!r}", "run the workflow again")
        if line["split"] not in SIDES:
            reason = f"{line['utterance']!r} is in {line['split']!r}"
            raise InputError(f"fold {fold}", reason, f"sides are {', '.join(SIDES)}")


def _things(lines: Table, augmented: set[str], rows: Rows, recordings: Mapping[str, str]) -> dict[str, set[str]]:
    """Kind -> what a side has of it. A few large sets: one for each thing would keep the garbage collector busy."""
    sources = [_source(line) for line in lines]
    found = [rows[source] for source in sources]
    return {
        "utterance": {line["utterance"] for line in lines},
        "augmented child": augmented.intersection(sources),
        "speaker": {row.speaker for row in found},
        "dialogue": {row.dialogue for row in found},
        "recording": {digest for row in found for digest, _ in _recorded(row, recordings)},
    }


def _recorded(row: Utterance, recordings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(digest, path) of the sound and the film of a row, as far as it has them."""
    for path in (row.audio, row.video):
        if path in recordings:
            yield recordings[path], path
        elif path:
            reason = f"{row.utterance!r} names it, and no digest tells what is in it"
            raise InputError(path, reason, "delete the manifest of its part and run the workflow again")


def _of_one_dialogue(digests: set[str], rows: Iterable[Utterance], recordings: Mapping[str, str]) -> set[str]:
    """Those of the recordings that are one file of one dialogue, out of which each row takes a part of its own."""
    homes = defaultdict(set)
    for row in rows if digests else ():
        for digest, path in _recorded(row, recordings):
            if digest in digests:
                whole = row.whole and path == row.audio
                homes[digest].add((path, whole, row.utterance if whole else row.dialogue))
    return {digest for digest, found in homes.items() if len(found) == 1}


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
