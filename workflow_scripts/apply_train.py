"""Apply a run to the train rows of its own fold, for a second stage that learns from its outputs.

Without `crossfit`, the stored model is applied. It has learnt from these rows, so its outputs are in-sample and
overconfident. With `crossfit: K`, K models with the same options are trained, each without the speakers of the rows to
which it is applied.
"""

import shutil

from emospace.runs.applying import apply
from emospace.runs.crossfitting import crossfitted
from emospace.runs.fold_inputs import checkpoint_folder, inherited
from emospace.runs.run_files import write_outputs
from workflow_scripts import _fold
from workflow_scripts._command import run


def job(args, recipe):
    fold, sources, module = _fold.read(args, recipe), _fold.sources(args), _fold.model_of(recipe)
    supplied, options, stored = _fold.supplied(args, module), recipe["options"], args.out.parent
    originals = fold.train.originals()
    checkpoint = checkpoint_folder(recipe, [args.fold, *args.children, *sources], args.seed, args.out)
    if count := recipe["crossfit"]:
        output = crossfitted(module, fold, originals, count, options, checkpoint, seed=args.seed, **supplied)
    else:
        output = apply(stored, originals, **supplied)
    outputs = write_outputs(args.out, fold.classes, {"train": (originals, output)})
    facts = {"in_sample": not count} | inherited(sources)
    _fold.finish(args.out / "apply.json", args, recipe, outputs, stored / "run.json", **facts)
    shutil.rmtree(checkpoint, ignore_errors=True)


def main():
    run(_fold.parser(__doc__), job)


if __name__ == "__main__":
    main()
