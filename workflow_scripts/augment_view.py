"""Make one step of an augmented view of one part, or the view itself: a changed copy of each item of its parent."""

import shutil
from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.sidecars import sample_rate
from emospace.core.steps import steps
from workflow_scripts._command import run
from workflow_scripts._sidecars import sidecars
from workflow_scripts._view_job import (
    Call,
    answer,
    blamed,
    checked,
    finish,
    given,
    kept_if_whole,
    outputs,
    parser,
    read_back,
    read_step,
)


def job(args, recipe):
    module, rows = plugin.find("views", recipe["plugin"]), manifest.read(args.manifest)
    step = steps(module, args.out.suffix)[recipe["step"]]
    reader = plugin.find("views", recipe["reader"])
    read = read_step if recipe["step"] else reader.read
    keywords, weights = given(step.make, args, recipe)
    with kept_if_whole(*outputs(args.out), args.quality):
        call = Call.of(module, step.make.__name__)
        with blamed(call, rows):
            made = step.make(rows, args.source, args.out, **keywords)
        problems, facts = answer(made, call)
        facts = checked(facts, read_back(read, args.out, rows, call), call)
        if reader.KIND == "audio" and not recipe["step"]:  # its rate, unless it tells another
            facts = {"sample_rate": sample_rate(args.source)} | facts
        finish(args, recipe, problems, facts | weights, sidecars(args.source), step.packages)
    if args.cache:
        shutil.rmtree(args.cache, ignore_errors=True)


def main():
    made = parser(__doc__)
    made.add_argument("--source", type=Path, required=True, help="what it reads: parent, step or the view itself")
    run(made, job)


if __name__ == "__main__":
    main()
