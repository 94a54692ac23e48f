"""What jobs of views share: what they give to a plug-in's function, and a look at what it made before that is kept."""

import argparse
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
from emospace.core.plugin import offered
from emospace.core.provenance import write_sidecar
from emospace.core.store import Ragged, RowError, offsets_path
from workflow_scripts._command import arguments
from workflow_scripts._sidecars import sidecars
from workflow_scripts._weights import opened

CONTRACTS = "docs/contracts.md"
TAKEN = ("recipe", "inputs", "outputs", "versions", "path", "packages", "weights")  # of every sidecar


def parser(description: str) -> argparse.ArgumentParser:
    """The arguments that all of these jobs take."""
    made = arguments(description)
    for name in ("manifest", "out", "quality", "sidecar"):
        made.add_argument(f"--{name}", type=Path, required=True)
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--weights", type=Path, nargs="*", default=[], help="weights.json of each that is used")
    made.add_argument("--read", nargs="*", default=[], metavar="ARGUMENT=FILE", help="files that it gets by name")
    made.add_argument("--cache", type=Path, help="folder that outlives a killed job")
    return made


def files_read(args) -> dict[str, Path]:
    """Argument -> file of `--read`."""
    return {name: Path(file) for name, _, file in (pair.partition("=") for pair in args.read)}


def given(function: Callable, args, recipe: dict) -> tuple[dict[str, Any], dict]:
    """(keyword arguments of a function, what the sidecar says of the weights among them)."""
    found = {record.parent.name: opened(record) for record in args.weights}
    loaded, told = {}, {}
    for option, names in recipe.get("weights", {}).items():
        several = not isinstance(names, str)
        loaded[option] = [found[name] for name in names] if several else found[names]
        told[option] = [w.facts() for w in loaded[option]] if several else loaded[option].facts()
    known = offered(function, threads=args.threads, seed=recipe.get("seed"), cache=args.cache)
    facts = {"weights": next(iter(told.values())) if len(told) == 1 else told} if told else {}
    return {**known, **recipe["options"], **loaded, **files_read(args)}, facts


def outputs(out: Path) -> list[Path]:
    """The files of a view, or of a step, whose main file is `out`."""
    return [out, offsets_path(out)] if out.suffix == ".npy" else [out]


@contextmanager
def kept_if_whole(*paths: Path) -> Iterator[None]:
    """Remove these files again if what is done meanwhile fails."""
    try:
        yield
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Call:
    """A call of a view's function as messages name it: the plug-in's file, the call, and where its contract stands."""

    file: str
    name: str
    see: str

    @classmethod
    def of(cls, module: ModuleType, function: str) -> "Call":
        contract = plugin.contract_of("views", module).__name__
        name = module.__name__.rpartition(".")[2]
        return cls(plugin.file_of(module), f"{name}.{function}()", f"see {contract} in {CONTRACTS}")


@contextmanager
def blamed(call: Call, rows: Sequence[Utterance]) -> Iterator[None]:
    """Whatever a plug-in raises, or a store refuses of its rows, becomes an InputError that names its file."""
    try:
        with plugin.blamed(call.file, call.name, f"mend it; {call.see}"):
            yield
    except RowError as error:
        name = repr(rows[error.row].utterance) if error.row < len(rows) else "which the manifest has not"
        reason = f"{call.name} wrote a row {error.row}, {name}, that {error.fault}"
        raise InputError(call.file, reason, f"{error.remedy}; {call.see}") from error


def answer(made: Any, call: Call) -> tuple[list[Problem], dict]:
    """What a function returned, if it is (problems, facts) with facts that JSON can hold."""
    try:
        problems, facts = made
        json.dumps(facts, allow_nan=False)
        told = isinstance(facts, dict) and not any(manifest.fault(one, Problem) for one in problems)
    except (TypeError, ValueError):
        told = False
    if not told:
        raise InputError(call.file, f"{call.name} returned {made!r:.200}", f"return (problems, facts); {call.see}")
    if taken := [name for name in facts if not isinstance(name, str) or name in TAKEN]:
        remedy = f"call it otherwise: {', '.join(TAKEN)} are taken; {call.see}"
        raise InputError(call.file, f"{call.name} tells a fact {taken[0]!r}", remedy)
    return list(problems), facts


def sizes(items: Iterable, out: Path, rows: Sequence[Utterance]) -> list[int]:
    """Length of each item of a file. Raises InputError unless there is one for each row, and floats are finite."""
    found = []
    for k, item in enumerate(items):
        if getattr(getattr(item, "dtype", None), "kind", "") == "f" and not np.isfinite(item).all():
            name = f", {rows[k].utterance!r}," if k < len(rows) else ""
            raise InputError(out, f"item {k}{name} holds values that are not finite", "look at what it is made from")
        found.append(len(item))
    if (count := len(found)) != len(rows):
        lost = f"; the first without is row {count}, {rows[count].utterance!r}" if count < len(rows) else ""
        reason = f"it holds {count} items, the manifest {len(rows)} rows{lost}"
        raise InputError(out, reason, f"write one item for each row, see {CONTRACTS}")
    return found


def read_back(read: Callable, out: Path, rows: Sequence[Utterance], call: Call) -> list[int]:
    """Length of each item of the file that a call has just written, as the view's own `read` gives them.

    Raises InputError, naming the plug-in's file, where that refuses it or gives another number of items.
    """
    if lacking := [path.name for path in outputs(out) if not path.is_file()]:
        raise InputError(call.file, f"{call.name} did not write {lacking[0]}", f"write the file `out`; {call.see}")
    try:
        with plugin.blamed(call.file, f"reading what {call.name} wrote", call.see):
            return sizes(read(out, rows), out, rows)
    except InputError as error:
        if error.file == call.file:
            raise
        reason = f"{call.name} wrote a file that is refused: {error.reason}"
        raise InputError(call.file, reason, f"write one item for each row; {call.see}") from error


def read_step(path: Path, rows: Sequence[Utterance]) -> Iterable:
    """The items of a step's file."""
    return Ragged.open(path) if path.suffix == ".npy" else texts.read(path)


def checked(facts: dict, lengths: list[int], call: Call) -> dict:
    """The facts, with `rows` and `missing`. Raises InputError if they tell another number than the file has."""
    counted = {"rows": len(lengths), "missing": lengths.count(0)}
    for name, count in counted.items():
        if facts.get(name, count) != count:
            reason = f"its facts say {name}: {facts[name]!r}, and its file has {count}"
            raise InputError(call.file, reason, f"count its items anew; {call.see}")
    return counted | facts


def finish(args, recipe: dict, problems: list[Problem], facts: dict, inputs: Iterable[Path], packages=()) -> None:
    """Write the quality table and the sidecar."""
    manifest.write_problems(args.quality, problems)
    used = dict.fromkeys([args.manifest, *inputs, *map(_record, files_read(args).values()), *args.weights])
    made = [*outputs(args.out), args.quality]
    write_sidecar(args.sidecar, recipe, inputs=used, outputs=made, packages=packages, **facts)


def _record(file: Path) -> Path:
    """The sidecar of a file, or itself where it has none."""
    [beside] = sidecars(file)
    return beside if beside.exists() else file
