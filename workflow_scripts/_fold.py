"""Arguments, fold and sidecar of the jobs that train or apply a model."""

import argparse
from dataclasses import replace
from pathlib import Path

from emospace.core import plugin
from emospace.core.allocator import keep_freed_memory
from emospace.core.data import Fold
from emospace.core.provenance import write_sidecar
from emospace.core.sidecars import about
from emospace.runs.fold_inputs import readers, refuse_unaudited
from emospace.runs.folds import read_fold
from emospace.runs.run_files import TRAIN
from emospace.runs.run_inputs import Folders, with_runs
from emospace.weights.record import Weights
from workflow_scripts._command import arguments
from workflow_scripts._weights import opened

PACKAGES = ("numpy", "torch", "scikit-learn", "safetensors")


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments of a job on one fold."""
    parser = arguments(description)
    for name in ("fold", "protocol", "audit", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--input", nargs="+", action="append", default=[], metavar="NAME FILE", help="files per input")
    parser.add_argument("--children", type=Path, nargs="*", default=[], help="<fold>.<view>.csv of augmented rows")
    parser.add_argument("--child-audits", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--exchange",
        nargs="+",
        action="append",
        default=[],
        metavar="INPUT REPLACEMENT FILE",
        help="replacement of an input for the children of a view: text.sbert text_bt.sbert FILE...",
    )
    parser.add_argument("--manifests", type=Path, nargs="*", default=[], help="of all parts, if an input is a view")
    parser.add_argument("--input-sidecars", type=Path, nargs="*", default=[])
    parser.add_argument("--runs", nargs="*", default=[], metavar="RUN=FOLDER", help="runs that it reads")
    parser.add_argument("--asked", nargs="*", default=[], metavar="RUN", help="runs that were applied to train rows")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="weights.json, at most one")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    return parser


def folders(args) -> dict[str, Folders]:
    """Return run -> folders of its outputs."""
    stored = {name: Path(folder) for name, _, folder in (item.partition("=") for item in args.runs)}
    return {name: Folders(folder, folder / TRAIN if name in args.asked else None) for name, folder in stored.items()}


def sources(args) -> list[Path]:
    """Return the sidecars of everything that a job reads, except the fold and its audits."""
    runs = folders(args).values()
    applied = [run.train / "apply.json" for run in runs if run.train]
    return [*args.input_sidecars, *(run.stored / "run.json" for run in runs), *applied, *args.weights]


def read(args, recipe: dict) -> Fold:
    """Read the fold of a job. Raises InputError unless its tables passed their audits."""
    refuse_unaudited([args.audit, *args.child_audits], [args.fold, args.protocol], args.children)
    inputs = {name: [Path(f) for f in files] for name, *files in args.input}
    more = children_of(args), exchanges(args.exchange), readers(recipe, args.manifests)
    fold = read_fold(args.fold, args.protocol, inputs, *more, dev_children=model_of(recipe).DEV_CHILDREN)
    fold = replace(fold, about=about(args.input_sidecars))
    return with_runs(fold, recipe["inputs"], folders(args)) if args.runs else fold


def children_of(args) -> dict[str, Path]:
    """Return augmented view -> table of its rows."""
    return {path.stem.partition(".")[2]: path for path in args.children}


def exchanges(items: list[list[str]]) -> dict[str, dict[str, list[Path]]]:
    """Return view -> input -> files, from items INPUT VIEW[.ENCODER] FILE..."""
    files_of: dict[str, dict[str, list[Path]]] = {}
    for name, replacement, *files in items:
        files_of.setdefault(replacement.partition(".")[0], {})[name] = [Path(file) for file in files]
    return files_of


def supplied(args, module) -> dict[str, Weights | str | None]:
    """Return the arguments that a model may take by name: weights, device. Prepares the process for PyTorch."""
    if not module.GPU:
        return {"weights": _weights(args), "device": "cpu"}
    import torch

    keep_freed_memory()
    torch.set_num_threads(args.threads)
    return {"weights": _weights(args), "device": "cuda" if torch.cuda.is_available() else "cpu"}


def _weights(args) -> Weights | None:
    return opened(args.weights[0]) if args.weights else None


def model_of(recipe: dict):
    """Return the module of the model that a recipe names."""
    return plugin.find("models", recipe["plugin"])


def finish(sidecar: Path, args, recipe: dict, outputs: list[Path], *more: Path, **facts) -> None:
    """Write the sidecar of a job. more: inputs in addition to the fold, its audits and `sources`."""
    used = [args.fold, args.audit, *args.children, *args.child_audits, *sources(args), *more]
    packages = [*PACKAGES, *model_of(recipe).PACKAGES]
    write_sidecar(sidecar, recipe, inputs=used, outputs=outputs, packages=packages, **facts)
