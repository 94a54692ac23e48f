"""Read a fold for a model, from the fold table and a feature store or view file per input and part.

A child has the inputs of its parent, except those that its augmented view exchanges: these are read from the files of
that view, at the parent's position. All other inputs of a child are therefore those of a train row.
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
Files = Mapping[str, Sequence[Path]]  # input -> files of all parts, see `place_of`
Readers = Mapping[str, Callable[[Path], Sequence]]  # input that is a view -> reader of the items of its files
Place = tuple[str, str]  # corpus, part
Lines = list[dict[str, str]]


def read_fold(
    table: Path,
    protocol: Path,
    inputs: Files,
    children: Mapping[str, Path] | None = None,
    exchanged: Mapping[str, Files] | None = None,
    readers: Readers | None = None,
    dev_children: bool = False,
) -> Fold:
    """Read a fold, with the children after the train rows.

    children: augmented view -> table of its children. exchanged: augmented view -> files of the inputs that it
    exchanges. readers: for inputs that are views; all others are feature stores. dev_children: whether each dev row has
    a child per augmented view, see DEV_CHILDREN of Model. Raises InputError for non-finite
    values, mismatched offsets, a missing part, a child whose parent is not a train row of this fold, or a view that
    exchanges no input.
    """
    classes = read_json(protocol)["classes"]
    lines = fold_tables.read(table)
    if any(line["parent"] for line in lines):
        raise InputError(
            table, "it contains augmented rows", "move them to a separate table and run the workflow again"
        )
    parts = {(line["corpus"], line["part"]) for line in lines}
    sources = {"": _open(inputs, parts, table, readers or {})}
    for view, files in (exchanged or {}).items():
        sources[view] = sources[""] | _open(files, parts, table, readers or {})
    sides = {side: [{**line, "view": ""} for line in lines if line["split"] == side] for side in SPLITS}
    for view, path in (children or {}).items():
        if view not in sources:
            raise InputError(path, f"the view {view!r} exchanges no input", "list the inputs that it replaces")
        sides["train"] += _children(path, view, sides["train"])
        if dev_children:
            dev = [line for line in sides["dev"] if not line["view"]]
            sides["dev"] += [{**fold_tables.child_of(line, view), "view": view} for line in dev]
    return Fold(classes, *(_rows(sides[side], classes, sources) for side in SPLITS))


def _children(path: Path, view: str, train: Lines) -> Lines:
    """Read a table of children. The audit checked it already; this repeats the check on the rows a model receives."""
    parents = {line["utterance"] for line in train if not line["view"]}
    lines = fold_tables.read(path)
    for line in lines:
        if line["parent"] not in parents or line["split"] != "train":
            reason = f"{line['utterance']!r} is not the child of a train row of this fold"
            raise InputError(path, reason, "delete the table and run the workflow again")
    return [{**line, "view": view} for line in lines]


def _open(inputs: Files, parts: set[Place], table: Path, readers: Readers) -> dict[str, dict]:
    """Open the files of each input: input -> place -> rows. Raises InputError for a missing part."""
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
    """Corpus and part of a file .../<corpus>/<feature or view>/<part>.*."""
    return Path(file).parent.parent.name, Path(file).name.split(".")[0]


def _load(path: Path) -> Ragged:
    return Ragged.open(path).check_finite()


def _rows(lines: Lines, classes: list[str], sources: dict[str, dict]) -> Rows:
    """sources: augmented view, or "" for originals -> input -> place -> rows."""
    number = {line["utterance"]: i for i, line in enumerate(lines)}
    return Rows(
        utterances=[line["utterance"] for line in lines],
        speakers=[line["speaker"] for line in lines],
        inputs={name: _gather(lines, {view: inputs[name] for view, inputs in sources.items()}) for name in sources[""]},
        label=np.array([classes.index(line["label"]) if line["label"] else -1 for line in lines], np.int64),
        gender=np.array([GENDERS.get(line["gender"], -1) for line in lines], np.int64),
        vad=np.array([[float(line[v] or "nan") for v in RATINGS] for line in lines], np.float32).reshape(-1, 3),
        parent=np.array([number[line["parent"]] if line["parent"] else -1 for line in lines], np.int64),
    )


def _gather(lines: Lines, by_view: dict[str, dict]) -> Ragged | list:
    """Rows of an input in the order of the lines."""
    rows = [by_view[line["view"]][line["corpus"], line["part"]][int(line["row"])] for line in lines]
    if isinstance(next(iter(by_view[""].values())), list):
        return rows
    return stack(rows, [store for by_place in by_view.values() for store in by_place.values()])
