"""Collect the problems of a corpus, from its manifest and views, in one table; stop if the config says so."""

import logging
from collections import Counter
from pathlib import Path

from emospace.core.manifest import read_problems, write_problems
from emospace.core.problems import describe, refuse, without_text
from emospace.core.provenance import read_json, write_sidecar
from workflow_scripts._command import arguments, run


def job(args, recipe):
    problems = sorted({p for table in args.quality for p in read_problems(table)}, key=describe)
    manifests = [args.manifest] if args.manifest else []
    for path in manifests:
        problems = without_text(problems, read_json(path))
    write_problems(args.out, problems)
    inputs = [*args.quality, *manifests]
    write_sidecar(args.out.with_suffix(".json"), recipe, inputs=inputs, outputs=[args.out])
    for reason, count in sorted(Counter(p.reason for p in problems).items()):
        logging.warning("%s: %d x %s", args.out, count, reason)
    if recipe["options"].get("on_problem", "warn") == "stop":
        refuse(problems, args.out)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--quality", type=Path, nargs="+", required=True, help="tables of problems")
    parser.add_argument("--manifest", type=Path, help="sidecar of the corpus's manifest")
    parser.add_argument("--out", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
