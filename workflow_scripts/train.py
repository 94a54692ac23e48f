"""Train one model on one fold with one seed; write what it learnt, and what it says of dev and test rows."""

import hashlib
import shutil
from pathlib import Path

from emospace import fold_tables
from emospace.applying import ask_sides, learn
from emospace.data import Fold
from emospace.provenance import canonical, read_json, sha256, write_sidecar
from emospace.run_files import write_outputs, write_trained
from emospace.store import Ragged
from workflow_scripts import _fold
from workflow_scripts._command import run

CHECKPOINTS = Path(".emospace/checkpoints")
PACKAGES = ("numpy", "torch", "scikit-learn", "safetensors")


def checkpoint_folder(recipe: dict, files: list[Path], seed: int, out: Path) -> Path:
    """A folder for exactly this recipe, these inputs and this seed, so that nothing stale is ever resumed.

    out: where the results go; the equal run of another config is another job, and may train at the same time.
    """
    key = canonical([recipe, seed, str(out), [sha256(file) for file in files]])
    return CHECKPOINTS / hashlib.sha256(key.encode()).hexdigest()[:24]


def random_weights(sidecars: list[Path]) -> list[str]:
    """Names of the inputs, and weights of models, that are random initialisations or come from them."""
    found = [read_json(path) for path in sidecars]
    inherited = {name for f in found for name in f.get("random_inputs", [])}
    encoded = {f["recipe"]["feature"] for f in found if f.get("random_weights")}
    return sorted(inherited | encoded | {f"weights:{f['name']}" for f in found if f.get("random")})


def in_sample(sidecars: list[Path]) -> list[str]:
    """Runs whose outputs for train rows come from a model that had learnt from these rows."""
    found = [read_json(path) for path in sidecars]
    inherited = {name for f in found for name in f.get("in_sample_runs", [])}
    return sorted(inherited | {f["recipe"]["run"] for f in found if f.get("in_sample")})


def facts_of(args, fold: Fold, sources: list[Path]) -> dict:
    """What the sidecar says of the rows and inputs of a training."""
    sizes = {side: len(getattr(fold, side)) for side in ("train", "dev", "test")}
    nothing = [n for n, i in fold.train.inputs.items() if isinstance(i, Ragged) and not len(i.values)]
    unasked = {f"run:{name}" for name, run in _fold.folders(args).items() if not run.train}
    missing = [name for name in nothing if name.partition(".")[0] not in unasked]
    facts = {"n": sizes, "classes": list(fold.classes), "seed": args.seed, "missing": missing}
    facts |= {"random_inputs": random_weights(sources), "in_sample_runs": in_sample(sources)}
    if args.children:  # `n` counts all that it learnt from
        facts["children"] = {view: len(fold_tables.read(path)) for view, path in _fold.children_of(args).items()}
    return facts


def job(args, recipe):
    fold, sources, module = _fold.read(args, recipe), _fold.sources(args), _fold.model_of(recipe)
    checkpoint = checkpoint_folder(recipe, [args.fold, *args.children, *sources], args.seed, args.out)
    given, options = _fold.supplied(args, module), recipe["options"]
    trained = learn(module, fold, options, seed=args.seed, checkpoint=checkpoint, **given)
    sides = ask_sides(module, trained, {"dev": fold.dev, "test": fold.test}, options, **given)
    outputs = [*write_trained(args.out, trained), *write_outputs(args.out, fold.classes, sides)]
    facts = facts_of(args, fold, sources) | {"facts": trained.facts, "device": given["device"]}
    used = [args.fold, args.audit, *args.children, *args.child_audits, *sources]
    packages = [*PACKAGES, *module.PACKAGES]
    write_sidecar(args.out / "run.json", recipe, inputs=used, outputs=outputs, packages=packages, **facts)
    shutil.rmtree(checkpoint, ignore_errors=True)


def main():
    run(_fold.parser(__doc__), job)


if __name__ == "__main__":
    main()
