"""Gather every problem of a corpus into one table; stop the run if the config says so."""

import logging
from collections import Counter
from pathlib import Path

from emospace import manifest
from emospace.errors import InputError
from workflow_scripts._command import arguments, run

SHOWN = 20


def job(args, recipe):
    problems = [problem for path in args.quality for problem in manifest.read_problems(path)]
    for problem in problems[:SHOWN]:
        logging.warning("%s: %s: %s (%s)", problem.utterance or "-", problem.file, problem.reason, problem.detail)
    if len(problems) > SHOWN:
        logging.warning("... and %d more", len(problems) - SHOWN)
    if problems and recipe["options"]["on_problem"] == "stop":
        counts = ", ".join(f"{n} {reason}" for reason, n in Counter(p.reason for p in problems).most_common())
        remedy = "mend what is listed above, or set on_problem: warn to go on without it"
        raise InputError(args.quality[0].parent, f"{len(problems)} problems ({counts})", remedy)
    manifest.write_problems(args.out, problems)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--quality", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
