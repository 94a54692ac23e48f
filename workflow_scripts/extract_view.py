"""Make a view of one part: one item per row of the manifest, by the module of emospace/views that the recipe names."""

from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.errors import InputError
from emospace.views._answers import Call, kept_if_whole, outputs
from workflow_scripts import _view_job
from workflow_scripts._command import run


def job(args, recipe):
    module, rows = plugin.find("views", recipe["plugin"]), manifest.read(args.manifest)
    call = Call.of(module, "extract")
    with kept_if_whole(*outputs(args.out), args.quality):
        made = _view_job.make(module.extract, call, module.read, args.corpus_root, rows, args, recipe)
        if module.KIND == "audio" and "sample_rate" not in made.facts:
            raise InputError(call.file, f"{call.name} returned no fact sample_rate", f"add it; {call.see}")
        _view_job.finish(args, recipe, made, module.PACKAGES)


def main():
    parser = _view_job.parser(__doc__)
    parser.add_argument("--corpus-root", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
