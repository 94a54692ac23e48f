"""Gather every problem that manifest and views met in one table, and stop if the config says so."""

import logging
from collections import Counter
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.manifest import Problem, read_problems, write_problems
from emospace.core.provenance import read_json, write_sidecar
from workflow_scripts._command import arguments, run

SHOWN = 20
NO_TEXT = "no transcript"


def describe(problem: Problem) -> str:
    where = " ".join(filter(None, (problem.utterance, problem.file)))
    return f"{where}: {problem.reason} ({problem.detail}); {problem.remedy}"


def without_text(problems: list[Problem], manifest: dict) -> list[Problem]:
    """The problems; one line for all transcripts where no row of the corpus has one.

    manifest: sidecar of the corpus's manifest. A corpus of recordings alone has nothing wrong with each of its clips.
    """
    rows = manifest.get("rows", 0)
    if not rows or manifest["missing"]["text"] < rows:
        return problems
    detail, remedy = f"none of the {rows} rows has any: a property of the corpus", "use no text of it in runs"
    others = [p for p in problems if p.reason != NO_TEXT]
    return sorted([*others, Problem("", "", NO_TEXT, detail, remedy)], key=describe)


def job(args, recipe):
    problems = sorted({p for table in args.quality for p in read_problems(table)}, key=describe)
    manifests = [args.manifest] if args.manifest else []
    for path in manifests:
        problems = without_text(problems, read_json(path))
    write_problems(args.out, problems)
    inputs = [*args.quality, *manifests]
    write_sidecar(args.out.with_suffix(".json"), recipe, inputs=inputs, outputs=[args.out])
    counts = Counter(p.reason for p in problems)
    for reason, count in sorted(counts.items()):
        logging.warning("%s: %d x %s", args.out, count, reason)
    problems = [p for p in problems if p.utterance or p.file or p.reason != NO_TEXT]  # a property stops nothing
    if problems and recipe["options"].get("on_problem", "warn") == "stop":
        # The table goes when this fails (the workflow removes outputs of failed jobs), so the message carries it.
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        lines = "\n  ".join([*map(describe, problems[:SHOWN]), *more])
        remedy = "Mend the corpus, or go on without these with `on_problem: warn` in the config"
        raise InputError(args.out, f"{len(problems)} problems:\n  {lines}\n", remedy)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--quality", type=Path, nargs="+", required=True, help="tables of problems")
    parser.add_argument("--manifest", type=Path, help="sidecar of the corpus's manifest")
    parser.add_argument("--out", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
