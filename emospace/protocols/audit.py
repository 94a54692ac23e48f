"""The audit: proof, before any training, that nothing crosses train, dev and test.

It checks the fold tables that training reads, not the code that wrote them, so it also covers tables that were edited
or written by another program.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.fold_tables import INHERITED, LABELS, SIDES

PAIRS = list(combinations(SIDES, 2))
KINDS = ["utterance", "augmented child", "speaker", "dialogue", "recording"]  # may not be on two sides
REPEATED = "repeated row"
Table = Sequence[dict[str, str]]
Rows = Mapping[str, Utterance]


@dataclass(frozen=True, slots=True)
class Stray:
    """An augmented row of a fold that is not a valid child of a train row."""

    fold: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"fold {self.fold}: augmented child {self.what!r} {self.why}"


@dataclass(frozen=True, slots=True)
class Leak:
    """Something on two sides of a fold, or repeated on one side without permission."""

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
    """List the leaks of one fold table.

    table: rows of the fold CSV (utterance, split, parent, label, ...). rows: the manifest by utterance. recordings:
    path of a sound or film -> digest of its content, which identifies a recording under two names. shared_dialogues:
    pairs of sides that may share dialogues by the definition of the protocol; never with train. Raises InputError for
    a row missing from the manifest or without a known side, and for a recording without a digest.
    """
    sources = [_source(fold, line, rows) for line in table]
    parents = {line["parent"] for line in table} - {""}
    contents = {side: _contents(side, table, sources, parents, recordings) for side in SIDES}
    leaks = []
    for pair in PAIRS:
        crossing = {kind: contents[pair[0]][kind] & contents[pair[1]][kind] for kind in KINDS}
        if "train" not in pair and pair in shared_dialogues:
            crossing["dialogue"] = set()
            crossing["recording"] -= _of_one_dialogue(crossing["recording"], sources, recordings)
        leaks += [Leak(fold, kind, pair, what) for kind in KINDS for what in sorted(crossing[kind])]
    return [*leaks, *_repeated(fold, table), *_children_outside_train(fold, table), *_test_labels(fold, table)]


def _source(fold: str, line: dict[str, str], rows: Rows) -> Utterance:
    """The manifest row of a table row, or of its parent."""
    if line["split"] not in SIDES:
        reason = f"{line['utterance']!r} is in {line['split']!r}"
        raise InputError(f"fold {fold}", reason, f"sides are {', '.join(SIDES)}")
    name = line["parent"] or line["utterance"]
    try:
        return rows[name]
    except KeyError:
        raise InputError(f"fold {fold}", f"the manifest has no {name!r}", "run the workflow again") from None


def _contents(
    side: str, table: Table, sources: Sequence[Utterance], parents: set[str], recordings: Mapping[str, str]
) -> dict[str, set[str]]:
    """Contents of a side by kind. A few large sets, because many small objects would burden the garbage collector.

    sources: the manifest row of each row of the table. parents: utterances with a child in the fold.
    """
    rows = [row for row, line in zip(sources, table, strict=True) if line["split"] == side]
    return {
        "utterance": {line["utterance"] for line in table if line["split"] == side},
        "augmented child": parents.intersection(row.utterance for row in rows) if parents else set(),
        "speaker": {row.speaker for row in rows},
        "dialogue": {row.dialogue for row in rows},
        "recording": {_digest(row, path, recordings) for row in rows for path in (row.audio, row.video) if path},
    }


def _digest(row: Utterance, path: str, recordings: Mapping[str, str]) -> str:
    """Digest of the content of a row's sound or film."""
    try:
        return recordings[path]
    except KeyError:
        reason = f"{row.utterance!r} refers to it, but it has no digest"
        raise InputError(path, reason, "delete the manifest of its part and run the workflow again") from None


def _of_one_dialogue(digests: set[str], rows: Iterable[Utterance], recordings: Mapping[str, str]) -> set[str]:
    """The recordings that are a single file of one dialogue, of which each row is a segment."""
    homes = defaultdict(set)
    for row in rows if digests else ():
        for path in filter(None, (row.audio, row.video)):
            if (digest := recordings[path]) in digests:
                whole = row.whole and path == row.audio
                homes[digest].add((path, whole, row.utterance if whole else row.dialogue))
    return {digest for digest, uses in homes.items() if len(uses) == 1}


def _repeated(fold: str, table: Table) -> Iterable[Leak]:
    """Yield rows repeated in dev or test; only train may repeat rows."""
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
    """List the faults of the children that a view adds to a fold; empty if all are valid children of train rows.

    table: rows of the fold CSV; children: rows with the same columns.
    """
    parents = {line["utterance"]: line for line in table}
    seen: set[str] = set()
    strays = []
    for child in children:
        strays += [Stray(fold, child["utterance"], why) for why in _faults(child, parents.get(child["parent"]), view)]
        if child["utterance"] in seen or child["utterance"] in parents:
            strays.append(Stray(fold, child["utterance"], "occurs twice"))
        seen.add(child["utterance"])
    return strays


def _faults(child: dict[str, str], parent: dict[str, str] | None, view: str) -> Iterable[str]:
    if child["split"] != "train":
        yield f"is in {child['split']}; augmented rows belong to train"
    if parent is None:
        yield f"has the parent {child['parent']!r}, which is not in the fold"
        return
    if parent["split"] != "train":
        yield f"has a parent in {parent['split']}"
    if child["utterance"] != f"{child['parent']}~{view}":
        yield f"is not named after its parent {child['parent']!r} and the view {view!r}"
    for name in INHERITED:
        if child[name] != parent[name]:
            yield f"has {name} {child[name]!r}, but its parent has {parent[name]!r}"
