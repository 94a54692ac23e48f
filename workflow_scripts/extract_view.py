"""Make a view of one part: one item per row of the manifest, by the module of emospace/views that the recipe names."""

from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.errors import InputError
from workflow_scripts._command import run
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
)


def job(args, recipe):
    module, rows = plugin.find("views", recipe["plugin"]), manifest.read(args.manifest)
    call = Call.of(module, "extract")
    keywords, weights = given(module.extract, args, recipe)
    with kept_if_whole(*outputs(args.out), args.quality):
        with blamed(call, rows):
            made = module.extract(rows, args.corpus_root, args.out, **keywords)
        problems, facts = answer(made, call)
        facts = checked(facts, read_back(module.read, args.out, rows, call), call)
        if module.KIND == "audio" and "sample_rate" not in facts:
            raise InputError(call.file, f"{call.name} does not tell the sample_rate", f"add it; {call.see}")
        finish(args, recipe, problems, facts | weights, args.digests, module.PACKAGES)


def main():
    made = parser(__doc__)
    made.add_argument("--corpus-root", type=Path, required=True)
    made.add_argument("--digests", type=Path, nargs="*", default=[], help="digests of the part's media")
    run(made, job)


if __name__ == "__main__":
    main()
