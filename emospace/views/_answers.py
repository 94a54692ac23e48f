"""Hold a view's function to its contract: what it returned, and the file that it wrote, before either is kept."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from emospace.core import manifest, plugin, texts
from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance
from emospace.core.store import Ragged, RowError, offsets_path

CONTRACTS = "docs/contracts.md"
TAKEN = ("recipe", "inputs", "outputs", "versions", "path", "packages", "weights")  # keys of every sidecar
Rows = Sequence[Utterance]


@dataclass(frozen=True)
class Call:
    """A call of a view's function as messages name it: the plug-in's file, the function, its contract."""

    file: str
    name: str
    see: str

    @classmethod
    def of(cls, module: ModuleType, function: str) -> "Call":
        """The call of a function of a view's module."""
        contract = plugin.contract_of("views", module).__name__
        name = module.__name__.rpartition(".")[2]
        return cls(plugin.file_of(module), f"{name}.{function}()", f"see {contract} in {CONTRACTS}")


@contextmanager
def blamed(call: Call, rows: Rows) -> Iterator[None]:
    """Turn an exception of a plug-in, or a row that its store refuses, into an InputError that names its file."""
    try:
        with plugin.blamed(call.file, call.name, f"mend it; {call.see}"):
            yield
    except RowError as error:
        name = repr(rows[error.row].utterance) if error.row < len(rows) else "which the manifest has not"
        reason = f"{call.name} wrote a row {error.row}, {name}, that {error.fault}"
        raise InputError(call.file, reason, f"{error.remedy}; {call.see}") from error


def outputs(out: Path) -> list[Path]:
    """The files of a view, or of a step, whose main file is `out`."""
    return [out, offsets_path(out)] if out.suffix == ".npy" else [out]


@contextmanager
def kept_if_whole(*paths: Path) -> Iterator[None]:
    """Remove these files if the block raises."""
    try:
        yield
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def answer(returned: Any, call: Call) -> tuple[list[Problem], dict]:
    """Problems and facts of a call. Raises InputError unless it returned just these, with facts that JSON can hold."""
    try:
        problems, facts = returned
        json.dumps(facts, allow_nan=False)
        valid = isinstance(facts, dict) and not any(manifest.fault(one, Problem) for one in problems)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(call.file, f"{call.name} returned {returned!r:.200}", f"return (problems, facts); {call.see}")
    if taken := [name for name in facts if not isinstance(name, str) or name in TAKEN]:
        remedy = f"rename it: {', '.join(TAKEN)} are taken; {call.see}"
        raise InputError(call.file, f"{call.name} returned the fact {taken[0]!r}", remedy)
    return list(problems), facts


def read_back(read: Callable, out: Path, rows: Rows, call: Call) -> list[int]:
    """Length of each item of the file that a call has just written, read by the view's own `read`.

    Raises InputError, naming the plug-in's file, if `read` refuses the file or yields another number of items.
    """
    if missing := [path.name for path in outputs(out) if not path.is_file()]:
        raise InputError(call.file, f"{call.name} did not write {missing[0]}", f"write the file `out`; {call.see}")
    try:
        with plugin.blamed(call.file, f"reading what {call.name} wrote", call.see):
            return sizes(read(out, rows), out, rows)
    except InputError as error:
        if error.file == call.file:
            raise
        reason = f"{call.name} wrote a file that is refused: {error.reason}"
        raise InputError(call.file, reason, f"write one item for each row; {call.see}") from error


def sizes(items: Iterable, out: Path, rows: Rows) -> list[int]:
    """Length of each item of a file. Raises InputError unless there is one per row, and floats are finite."""
    lengths = []
    for k, item in enumerate(items):
        if getattr(getattr(item, "dtype", None), "kind", "") == "f" and not np.isfinite(item).all():
            name = f", {rows[k].utterance!r}," if k < len(rows) else ""
            raise InputError(out, f"item {k}{name} holds values that are not finite", "look at what it is made from")
        lengths.append(len(item))
    if (count := len(lengths)) != len(rows):
        lost = f"; the first without is row {count}, {rows[count].utterance!r}" if count < len(rows) else ""
        reason = f"it holds {count} items, the manifest {len(rows)} rows{lost}"
        raise InputError(out, reason, f"write one item for each row, see {CONTRACTS}")
    return lengths


def read_step(path: Path, rows: Rows) -> Iterable:
    """The items of a step's file."""
    return Ragged.open(path) if path.suffix == ".npy" else texts.read(path)


def checked(facts: dict, lengths: list[int], call: Call) -> dict:
    """The facts, with `rows` and `missing`. Raises InputError if they state other numbers than the file has."""
    counted = {"rows": len(lengths), "missing": lengths.count(0)}
    for name, count in counted.items():
        if facts.get(name, count) != count:
            reason = f"its facts say {name}: {facts[name]!r}, and its file has {count}"
            raise InputError(call.file, reason, f"count its items anew; {call.see}")
    return counted | facts
