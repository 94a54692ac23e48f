"""Build what a model sees of a fold from files: the fold table, and a store or the file of a view per part and input.

A child is the row of its parent but for the inputs that its augmented view exchanges; those are read, at the parent's
place, from the files of that view. So whatever is exchanged, all other inputs of a child are those of a train row.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from emospace.core.data import SPLITS, Fold, Rows
from emospace.core.errors import InputError
from emospace.core.manifest import RATINGS
from emospace.core.provenance import read_json
from emospace.core.store import Ragged, stack
from emospace.protocols import fold_tables

GENDERS = {"F": 0, "M": 1}
Files = Mapping[str, Sequence[Path]]  # name -> files of all parts, see `place_of`
Readers = Mapping[str, Callable[[Path], Sequence]]  # input that is a view -> what reads the items of such a file
Place = tuple[str, str]  # corpus, part
Lines = list[dict[str, str]]


def read_fold(
    table: Path,
    protocol: Path,
    inputs: Files,
    children: Mapping[str, Path] | None = None,
    exchanged: Mapping[str, Files] | None = None,
    readers: Readers | None = None,
) -> Fold:
    """Read a fold, its children after its train rows.

    children: augmented view -> table of its children. exchanged: augmented view -> the inputs that it exchanges, with
    its files. readers: of inputs that are views; all others are stores. Raises InputError for a value that is not
    finite, offsets that do not match, a file of another corpus, or a child whose parent is no train row of this fold,
    or that exchanges nothing.
    """
    classes = read_json(protocol)["classes"]
    lines = fold_tables.read(table)
    if any(line["parent"] for line in lines):
        raise InputError(
            table, "it holds augmented rows", "keep them in a table of their own and run the workflow again"
        )
    parts = {(line["corpus"], line["part"]) for line in lines}
    sources = {"": _open(inputs, parts, table, readers or {})}
    for view, files in (exchanged or {}).items():
        sources[view] = sources[""] | _open(files, parts, table, readers or {})
    sides = {side: [{**line, "view": ""} for line in lines if line["split"] == side] for side in SPLITS}
    for view, path in (children or {}).items():
        if view not in sources:
            raise InputError(path, f"the view {view!r} exchanges no input", "name what it is read in the place of")
        sides["train"] += _children(path, view, sides["train"])
    return Fold(classes, *(_rows(sides[side], classes, sources) for side in SPLITS))


def _children(path: Path, view: str, train: Lines) -> Lines:
    """Lines of a table of children. The audit has proved this of the table; here it is of what a model gets."""
    known = {line["utterance"] for line in train if not line["view"]}
    found = fold_tables.read(path)
    for line in found:
        if line["parent"] not in known or line["split"] != "train":
            reason = f"{line['utterance']!r} is not the child of a train row of this fold"
            raise InputError(path, reason, "delete the table and run the workflow again")
    return [{**line, "view": view} for line in found]


def _open(inputs: Files, parts: set[Place], table: Path, readers: Readers) -> dict[str, dict]:
    """Name -> place -> rows, of files that cover all parts."""
    loaded = {
        name: {place_of(file): list(readers[name](file)) if name in readers else _load(file) for file in files}
        for name, files in inputs.items()
    }
    for name, by_place in loaded.items():
        if missing := parts - set(by_place):
            corpus, part = min(missing)
            raise InputError(table, f"input {name!r} lacks part {part} of {corpus}", "run the workflow again")
    return loaded


def place_of(file: Path) -> Place:
    """Corpus and part that a file .../<corpus>/<feature or view>/<part>.* belongs to."""
    return Path(file).parent.parent.name, Path(file).name.split(".")[0]


def _load(path: Path) -> Ragged:
    return Ragged.open(path).check_finite()


def _rows(lines: Lines, classes: list[str], sources: dict[str, dict]) -> Rows:
    """sources: augmented view, or "" for originals -> input -> place -> rows."""
    place = {line["utterance"]: i for i, line in enumerate(lines)}
    return Rows(
        utterances=[line["utterance"] for line in lines],
        speakers=[line["speaker"] for line in lines],
        inputs={name: _gather(lines, {view: found[name] for view, found in sources.items()}) for name in sources[""]},
        label=np.array([classes.index(line["label"]) if line["label"] else -1 for line in lines], np.int64),
        gender=np.array([GENDERS.get(line["gender"], -1) for line in lines], np.int64),
        vad=np.array([[float(line[v] or "nan") for v in RATINGS] for line in lines], np.float32).reshape(-1, 3),
        parent=np.array([place[line["parent"]] if line["parent"] else -1 for line in lines], np.int64),
    )


def _gather(lines: Lines, by_view: dict[str, dict]) -> Ragged | list:
    """The rows of an input that the lines name, in their order."""
    rows = [by_view[line["view"]][line["corpus"], line["part"]][int(line["row"])] for line in lines]
    if isinstance(next(iter(by_view[""].values())), list):
        return rows
    return stack(rows, [store for by_place in by_view.values() for store in by_place.values()])
