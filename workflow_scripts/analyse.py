"""Run an analysis of a trained run, or of several: write the files that it declares and the facts that it returns."""

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from emospace.analyses._outputs import SEE, refuse_wrong
from emospace.core import plugin
from emospace.core.provenance import atomic, write_sidecar
from emospace.evaluation.trained_run import Run, RunFiles
from emospace.runs.fold_inputs import readers
from workflow_scripts._command import arguments, run
from workflow_scripts._weights import opened


def device(module: ModuleType, model: ModuleType, threads: int) -> str:
    """Return the device of stored models: the GPU if the analysis may use one and there is one."""
    if not getattr(model, "GPU", False):
        return "cpu"
    import torch

    torch.set_num_threads(threads)
    return "cuda" if module.GPU and torch.cuda.is_available() else "cpu"


def one(args, recipe, module: ModuleType) -> Run:
    """Return the run of a recipe with everything that it read, and the other runs that options name."""
    inputs = {name: [Path(f) for f in files] for name, *files in args.input}
    views = {name: [Path(f) for f in files] for name, *files in args.view}
    more = {"inputs": inputs, "parents": parents_of(args), "readers": readers(recipe, args.manifests), "views": views}
    where = device(module, plugin.find("models", recipe["model"]), args.threads)
    weights = opened(args.weights[0]) if args.weights else None
    others = {one.name: one for one in stored(args, recipe, recipe.get("others", ()))}
    return Run(recipe, replace(files_of(args, recipe), **more), where, weights, others)


def parents_of(args) -> dict[str, list[Path]]:
    """Return each run that the run reads -> its folders."""
    parents: dict[str, list[Path]] = {}
    for name, _, folder in (parent.partition("=") for parent in args.parents):
        parents.setdefault(name, []).append(Path(folder))
    return parents


def stored(args, recipe, specs) -> list[Run]:
    """Return runs of a recipe with their predictions, without their inputs."""
    return [Run({**spec, "seed": recipe["seed"]}, files_of(args, spec)) for spec in specs]


def files_of(args, spec) -> RunFiles:
    """Return the files of one run. Paths tell which run, protocol or corpus a file belongs to."""
    folders = [folder for folder in args.run_dirs if folder.parent.name == spec["run"]]
    tables = [table for table in args.folds if table.parent.name == spec["protocol"]]
    protocol = next(path for path in args.protocol if path.stem == spec["protocol"])
    manifests = [path for path in args.manifest if path.stem in spec["corpora"]]
    return RunFiles(folders, tables, protocol, manifests, {}, {})


def job(args, recipe):
    module, file = plugin.find("analyses", recipe["plugin"]), plugin.place("analyses", recipe["plugin"])
    trained = stored(args, recipe, recipe["runs"]) if "runs" in recipe else one(args, recipe, module)
    offer = plugin.offered(module.analyse, seed=recipe["seed"])
    with TemporaryDirectory(prefix="emospace-") as name:
        folder = Path(name)
        with plugin.blamed(file, "analyse()", SEE):
            facts = module.analyse(trained, folder, **offer, **recipe["options"])
        refuse_wrong(folder, recipe["outputs"], facts, file)
        for output in recipe["outputs"]:
            with atomic(args.out / output) as tmp:
                shutil.copyfile(folder / output, tmp)
    folders = [*args.run_dirs, *(folder for stored in parents_of(args).values() for folder in stored)]
    used = [*args.manifest_sidecar, *args.protocol, *args.folds, *args.input_sidecars]
    used += [*(folder / "run.json" for folder in folders), *args.weights]
    made = [args.out / output for output in recipe["outputs"]]
    packages = {"numpy", *module.PACKAGES}
    write_sidecar(args.out / "analysis.json", recipe, inputs=used, outputs=made, packages=sorted(packages), facts=facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    for name in ("protocol", "manifest", "manifest-sidecar", "folds", "run-dirs"):
        parser.add_argument(f"--{name}", type=Path, nargs="+", required=True)
    parser.add_argument("--input", nargs="+", action="append", default=[], metavar="NAME FILE", help="files per input")
    parser.add_argument("--view", nargs="+", action="append", default=[], metavar="NAME FILE", help="files per view")
    parser.add_argument("--manifests", type=Path, nargs="*", default=[], help="of all parts, if it reads a view")
    parser.add_argument("--input-sidecars", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--parents",
        nargs="*",
        default=[],
        metavar="RUN=FOLDER",
        help="of all folds and seeds",
    )
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="weights.json of the model, at most one")
    parser.add_argument("--threads", type=int, default=1)
    run(parser, job)


if __name__ == "__main__":
    main()
