"""Arguments, checked call of the plug-in, quality table and sidecar of the jobs that make views."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emospace.core import manifest
from emospace.core.allocator import keep_freed_memory
from emospace.core.manifest import Problem, Utterance
from emospace.core.plugin import offered
from emospace.core.provenance import write_sidecar
from emospace.views._answers import Call, answer, blamed, checked, outputs, read_back
from workflow_scripts._command import arguments
from workflow_scripts._weights import opened


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments of a job that makes a view or a step."""
    parser = arguments(description)
    for name in ("manifest", "out", "quality", "sidecar"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="weights.json of all weights that it uses")
    parser.add_argument("--read", nargs="*", default=[], metavar="ARGUMENT=FILE", help="files passed by name")
    parser.add_argument("--inputs", type=Path, nargs="*", default=[], help="sidecars and small files to record")
    parser.add_argument("--cache", type=Path, help="folder from which a killed job resumes")
    return parser


def files_read(args) -> dict[str, Path]:
    """Return argument -> file of `--read`."""
    return {name: Path(file) for name, _, file in (pair.partition("=") for pair in args.read)}


@dataclass(frozen=True)
class Made:
    """Checked result of a call: problems, facts (including those of its weights), and the call itself."""

    problems: list[Problem]
    facts: dict
    call: Call


def make(function: Callable, call: Call, read: Callable, source: Path, rows: Sequence[Utterance], args, recipe) -> Made:
    """Call function(rows, source, out, **keywords); check the return value and the file. read: reads that file."""
    keywords, weights = _keywords(function, args, recipe)
    if weights:
        keep_freed_memory()
    with blamed(call, rows):
        returned = function(rows, source, args.out, **keywords)
    problems, facts = answer(returned, call)
    return Made(problems, checked(facts, read_back(read, args.out, rows, call), call) | weights, call)


def _keywords(function: Callable, args, recipe: dict) -> tuple[dict[str, Any], dict]:
    """Return the keyword arguments of a function, and facts of the weights among them for the sidecar."""
    weights = {record.parent.name: opened(record) for record in args.weights}
    loaded, facts = {}, {}
    for option, names in recipe.get("weights", {}).items():
        several = not isinstance(names, str)
        loaded[option] = [weights[name] for name in names] if several else weights[names]
        facts[option] = [w.facts() for w in loaded[option]] if several else loaded[option].facts()
    offer = offered(function, threads=args.threads, seed=recipe.get("seed"), cache=args.cache)
    recorded = {"weights": next(iter(facts.values())) if len(facts) == 1 else facts} if facts else {}
    return {**offer, **recipe["options"], **loaded, **files_read(args)}, recorded


def finish(args, recipe: dict, made: Made, packages: Iterable[str] = ()) -> None:
    """Write the quality table and the sidecar."""
    manifest.write_problems(args.quality, made.problems)
    used = dict.fromkeys([args.manifest, *args.inputs, *args.weights])
    files = [*outputs(args.out), args.quality]
    write_sidecar(args.sidecar, recipe, inputs=used, outputs=files, packages=packages, **made.facts)
