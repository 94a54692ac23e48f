"""Proof that a draw left out train rows only, from the tables that training reads and what the split had assigned."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.protocols.fold_tables import SIDES

Table = Sequence[dict[str, str]]
CHECKED = "rows left out of train by a draw"


def draw_faults(
    table: Table, rows: Mapping[str, Utterance], recordings: Mapping[str, str], before: Mapping, count: int
) -> list[str]:
    """List what contradicts a draw of `count` train rows; empty if all is as stated.

    table: rows of the fold CSV. rows: those of the protocol, with classes as labels; "" for a row that it excludes.
    before: of the fold's split, number of rows per side, and as `idle` the rows on no side. recordings: path -> digest.
    """
    sides = Counter(line["split"] for line in table)
    expected = {"train": count} | {side: before[side] for side in SIDES if side != "train"}
    faults = [f"{sides[side]} {side} rows instead of {n}" for side, n in expected.items() if sides[side] != n]
    used = {line["utterance"] for line in table}
    gone = [row for row in rows.values() if row.label and row.utterance not in used.union(before["idle"])]
    if len(gone) != before["train"] - count:
        faults.append(f"{len(gone)} rows are left out instead of {before['train'] - count}")
    held = [rows[line["utterance"]] for line in table if line["split"] != "train"]
    marks = {mark for row in held for mark in _marks(row, recordings)}
    strays = [row.utterance for row in gone if marks & _marks(row, recordings)]
    faults += [f"{name!r} is left out, but belongs to dev or test" for name in strays]
    return [*faults, *_unbalanced([rows[line["utterance"]] for line in table if line["split"] == "train"], gone)]


def _marks(row: Utterance, recordings: Mapping[str, str]) -> set[tuple[str, str]]:
    """What no two sides of a clean fold share: the speaker, the dialogue and the recordings of a row."""
    paths = filter(None, (row.audio, row.video))
    return {("speaker", row.speaker), ("dialogue", row.dialogue), *(("recording", recordings[path]) for path in paths)}


def _unbalanced(train: Sequence[Utterance], gone: Sequence[Utterance]) -> Iterable[str]:
    """Yield each class with at least two rows fewer than another, although rows of it are left out."""
    counts = Counter(row.label for row in train)
    for label in sorted({row.label for row in gone}):
        if counts[label] < max(counts.values(), default=0) - 1:
            yield f"train has {counts[label]} rows of {label!r} and {max(counts.values())} of another class"


def refuse_faults(faults: Mapping[str, Sequence[str]], file) -> None:
    """Raise InputError for the first fault. faults: fold -> its faults."""
    if wrong := [f"{fold}: {fault}" for fold, own in faults.items() for fault in own]:
        remedy = "delete the protocol's fold tables and run the workflow again"
        raise InputError(file, f"{len(wrong)} faults of its draw; first: {wrong[0]}", remedy)
