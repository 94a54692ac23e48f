"""Train one model on one fold with one seed; write what it learnt, and what it says of dev and test rows."""

import shutil
from pathlib import Path

from emospace.core.data import Fold
from emospace.protocols import fold_tables
from emospace.runs.applying import ask_sides, learn
from emospace.runs.run_files import write_outputs, write_trained
from workflow_scripts import _fold
from workflow_scripts._command import run


def facts_of(args, fold: Fold, sources: list[Path]) -> dict:
    """What the sidecar says of the rows and inputs of a training."""
    sizes = {side: len(getattr(fold, side)) for side in ("train", "dev", "test")}
    nothing = [name for name in fold.train.inputs if not fold.train.only(name).present().any()]
    unasked = {f"run:{name}" for name, run in _fold.folders(args).items() if not run.train}
    missing = [name for name in nothing if name.partition(".")[0] not in unasked]
    facts = {"n": sizes, "classes": list(fold.classes), "seed": args.seed, "missing": missing}
    facts |= _fold.inherited(sources)
    if args.children:  # `n` counts all that it learnt from
        facts["children"] = {view: len(fold_tables.read(path)) for view, path in _fold.children_of(args).items()}
    return facts


def job(args, recipe):
    fold, sources, module = _fold.read(args, recipe), _fold.sources(args), _fold.model_of(recipe)
    checkpoint = _fold.checkpoint_folder(recipe, [args.fold, *args.children, *sources], args.seed, args.out)
    given, options = _fold.supplied(args, module), recipe["options"]
    trained = learn(module, fold, options, seed=args.seed, checkpoint=checkpoint, **given)
    sides = ask_sides(module, trained, {"dev": fold.dev, "test": fold.test}, options, **given)
    outputs = [*write_trained(args.out, trained), *write_outputs(args.out, fold.classes, sides)]
    facts = facts_of(args, fold, sources) | {"facts": trained.facts, "device": given["device"]}
    _fold.finish(args.out / "run.json", args, recipe, outputs, **facts)
    shutil.rmtree(checkpoint, ignore_errors=True)


def main():
    run(_fold.parser(__doc__), job)


if __name__ == "__main__":
    main()
