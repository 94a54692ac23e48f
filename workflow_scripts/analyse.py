"""Make an analysis of one trained run: whatever files it declares, and what it says of them."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from emospace.core import plugin, records
from emospace.core.errors import InputError
from emospace.core.provenance import atomic, write_sidecar
from emospace.evaluation.trained_run import Run, RunFiles
from workflow_scripts._command import arguments, run
from workflow_scripts._fold import readers
from workflow_scripts._weights import opened

SEE = "see Analysis in docs/contracts.md"


def device(module: ModuleType, model: ModuleType, threads: int) -> str:
    """Where stored models are applied: on the GPU if the analysis may use one and there is one."""
    if not getattr(model, "GPU", False):
        return "cpu"
    import torch

    torch.set_num_threads(threads)
    return "cuda" if module.GPU and torch.cuda.is_available() else "cpu"


def refuse_wrong(folder: Path, wanted: list[str], facts, file: str) -> None:
    """Raise InputError unless just the declared files are there, tables are tables, and the facts can be stored."""
    found = {path.name for path in folder.iterdir()}
    if missing := [name for name in wanted if name not in found]:
        raise InputError(file, f"analyse() did not write {missing[0]!r}, which OUTPUTS names", SEE)
    if more := found - set(wanted):
        raise InputError(file, f"analyse() wrote {min(more)!r}, which OUTPUTS does not name", SEE)
    for path in folder.glob("*.csv"):
        with plugin.blamed(file, f"reading its {path.name}", SEE):
            if not records.read(path, remedy=SEE) and not path.stat().st_size:
                raise InputError(file, f"its {path.name} is no table: it has no header", SEE)
    try:
        json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(file, f"the facts that analyse() returned are no JSON: {error}", SEE) from error
    if not isinstance(facts, dict):
        raise InputError(file, f"analyse() returned a {type(facts).__name__}, not a dict of facts", SEE)


def job(args, recipe):
    module, file = plugin.find("analyses", recipe["plugin"]), plugin.place("analyses", recipe["plugin"])
    inputs = {name: [Path(f) for f in files] for name, *files in args.input}
    parents: dict[str, list[Path]] = {}
    for name, _, folder in (parent.partition("=") for parent in args.parents):
        parents.setdefault(name, []).append(Path(folder))
    told = inputs, parents, readers(recipe, args.manifests)
    files = RunFiles(args.run_dirs, args.folds, args.protocol, args.manifest, *told)
    where = device(module, plugin.find("models", recipe["model"]), args.threads)
    trained = Run(recipe, files, where, opened(args.weights[0]) if args.weights else None)
    offered = plugin.offered(module.analyse, seed=recipe["seed"])
    with TemporaryDirectory(prefix="emospace-") as name:
        folder = Path(name)
        with plugin.blamed(file, "analyse()", SEE):
            facts = module.analyse(trained, folder, **offered, **recipe["options"])
        refuse_wrong(folder, recipe["outputs"], facts, file)
        for output in recipe["outputs"]:
            with atomic(args.out / output) as tmp:
                shutil.copyfile(folder / output, tmp)
    folders = [*args.run_dirs, *(folder for found in parents.values() for folder in found)]
    read = [*args.manifest_sidecar, args.protocol, *args.folds, *args.input_sidecars]
    read += [*(folder / "run.json" for folder in folders), *args.weights]
    made = [args.out / output for output in recipe["outputs"]]
    packages = {"numpy", *module.PACKAGES}
    write_sidecar(args.out / "analysis.json", recipe, inputs=read, outputs=made, packages=sorted(packages), facts=facts)


def main():
    parser = arguments(__doc__)
    for name in ("protocol", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("manifest", "manifest-sidecar", "folds", "run-dirs"):
        parser.add_argument(f"--{name}", type=Path, nargs="+", required=True)
    parser.add_argument("--input", nargs="+", action="append", default=[], metavar="NAME FILE", help="files per input")
    parser.add_argument("--manifests", type=Path, nargs="*", default=[], help="of all parts, where it reads a view")
    parser.add_argument("--input-sidecars", type=Path, nargs="*", default=[])
    parser.add_argument("--parents", nargs="*", default=[], metavar="RUN=FOLDER", help="of all folds and seeds")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="weights.json of the model, at most one")
    parser.add_argument("--threads", type=int, default=1)
    run(parser, job)


if __name__ == "__main__":
    main()
