"""Make an augmented view of one part, or one of its steps: a changed copy of each item of its parent."""

import shutil
from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.sidecars import sample_rate
from emospace.core.steps import steps
from emospace.views._answers import Call, kept_if_whole, outputs, read_step
from workflow_scripts import _view_job
from workflow_scripts._command import run


def job(args, recipe):
    module, rows = plugin.find("views", recipe["plugin"]), manifest.read(args.manifest)
    step, view = steps(module, args.out.suffix)[recipe["step"]], plugin.find("views", recipe["reader"])
    read = read_step if recipe["step"] else view.read
    with kept_if_whole(*outputs(args.out), args.quality):
        made = _view_job.make(step.make, Call.of(module, step.make.__name__), read, args.source, rows, args, recipe)
        if view.KIND == "audio" and not recipe["step"]:
            made.facts.setdefault("sample_rate", sample_rate(args.source))
        _view_job.finish(args, recipe, made, step.packages)
    if args.cache:
        shutil.rmtree(args.cache, ignore_errors=True)


def main():
    parser = _view_job.parser(__doc__)
    parser.add_argument("--source", type=Path, required=True, help="file of the parent, of a step, or of the view")
    run(parser, job)


if __name__ == "__main__":
    main()
