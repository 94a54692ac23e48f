"""What jobs of views share: what they give to a plug-in's function, and a look at what it made before that is kept."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emospace import manifest, texts
from emospace.errors import InputError
from emospace.manifest import Problem, Utterance
from emospace.plugin import offered
from emospace.provenance import canonical, write_sidecar
from emospace.store import Ragged, offsets_path
from workflow_scripts._beside import sidecars
from workflow_scripts._command import arguments
from workflow_scripts._weights import opened

CONTRACTS = "docs/contracts.md"


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


def answer(made: Any, file: str, call: str) -> tuple[list[Problem], dict]:
    """What a function returned, if it is (problems, facts) with facts that JSON can hold."""
    try:
        problems, facts = made
        canonical(facts)
        told = all(isinstance(problem, Problem) for problem in problems) and isinstance(facts, dict)
    except (TypeError, ValueError):
        told = False
    if not told:
        raise InputError(file, f"{call} returned {made!r:.200}", f"return (problems, facts) as {CONTRACTS} says")
    return problems, facts


def sizes(items: Iterable, out: Path, rows: Sequence[Utterance]) -> list[int]:
    """Length of each item of a file. Raises InputError unless there is one for each row."""
    found = [len(item) for item in items]
    if (count := len(found)) != len(rows):
        lost = f"; the first without is row {count}, {rows[count].utterance!r}" if count < len(rows) else ""
        reason = f"it holds {count} items, the manifest {len(rows)} rows{lost}"
        raise InputError(out, reason, f"write one item for each row, see {CONTRACTS}")
    return found


def read_back(read: Callable, out: Path, rows: Sequence[Utterance], file: str, call: str) -> list[int]:
    """Length of each item of the file that a call has just written, as the view's own `read` gives them.

    Raises InputError, naming the plug-in's file, where that refuses it or gives another number of items.
    """
    try:
        return sizes(read(out, rows), out, rows)
    except InputError as error:
        reason = f"{call} wrote a file that is refused: {error.reason}"
        raise InputError(file, reason, f"write one item for each row, see View in {CONTRACTS}") from error


def read_step(path: Path, rows: Sequence[Utterance]) -> Iterable:
    """The items of a step's file."""
    return Ragged.open(path) if path.suffix == ".npy" else texts.read(path)


def checked(facts: dict, lengths: list[int], out: Path) -> dict:
    """The facts, with `rows` and `missing`. Raises InputError if they tell another number than the file has."""
    counted = {"rows": len(lengths), "missing": lengths.count(0)}
    for name, count in counted.items():
        if facts.get(name, count) != count:
            raise InputError(out, f"its facts say {name}: {facts[name]!r}, it has {count}", "count its items anew")
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
