"""Train one model on one fold with one seed; write the trained model and its outputs for dev and test rows."""

import shutil
from dataclasses import replace

from emospace.runs.applying import ask_sides, learn
from emospace.runs.fold_inputs import checkpoint_folder, training_facts
from emospace.runs.run_files import write_outputs, write_trained
from workflow_scripts import _fold
from workflow_scripts._command import run


def job(args, recipe):
    fold, sources, module = _fold.read(args, recipe), _fold.sources(args), _fold.model_of(recipe)
    checkpoint = checkpoint_folder(recipe, [args.fold, *args.children, *sources], args.seed, args.out)
    supplied, options = _fold.supplied(args, module), recipe["options"]
    trained = learn(module, fold, options, seed=args.seed, checkpoint=checkpoint, **supplied)
    fold = replace(fold, dev=fold.dev.originals())
    sides = ask_sides(module, trained, {"dev": fold.dev, "test": fold.test}, options, **supplied)
    outputs = [*write_trained(args.out, trained), *write_outputs(args.out, fold.classes, sides)]
    unasked = {f"run:{name}" for name, folders in _fold.folders(args).items() if not folders.train}
    facts = training_facts(fold, args.seed, sources, _fold.children_of(args), unasked)
    facts |= {"facts": trained.facts, "device": supplied["device"]}
    _fold.finish(args.out / "run.json", args, recipe, outputs, **facts)
    shutil.rmtree(checkpoint, ignore_errors=True)


def main():
    run(_fold.parser(__doc__), job)


if __name__ == "__main__":
    main()
