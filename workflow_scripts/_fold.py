"""What jobs that train or apply a model share: their arguments, and the fold that they read."""

import argparse
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.data import Fold
from emospace.core.errors import InputError
from emospace.core.manifest import RATINGS, Utterance
from emospace.core.provenance import canonical, read_json, sha256, write_sidecar
from emospace.core.sidecars import OF_MODELS, about
from emospace.runs.folds import Readers, place_of, read_fold
from emospace.runs.run_files import TRAIN
from emospace.runs.run_inputs import Folders, with_runs
from emospace.weights.record import Weights
from workflow_scripts._command import arguments
from workflow_scripts._weights import opened

CHECKPOINTS = Path(".emospace/checkpoints")
PACKAGES = ("numpy", "torch", "scikit-learn", "safetensors")


def parser(description: str) -> argparse.ArgumentParser:
    """Arguments of a job on one fold."""
    found = arguments(description)
    for name in ("fold", "protocol", "audit", "out"):
        found.add_argument(f"--{name}", type=Path, required=True)
    found.add_argument("--input", nargs="+", action="append", default=[], metavar="NAME FILE", help="files per input")
    found.add_argument("--children", type=Path, nargs="*", default=[], help="<fold>.<view>.csv of augmented rows")
    found.add_argument("--child-audits", type=Path, nargs="*", default=[])
    found.add_argument(
        "--exchange",
        nargs="+",
        action="append",
        default=[],
        metavar="INPUT INSTEAD FILE",
        help="what children of a view have in the place of an input: text.sbert text_bt.sbert FILE...",
    )
    found.add_argument("--manifests", type=Path, nargs="*", default=[], help="of all parts, where it reads a view")
    found.add_argument("--input-sidecars", type=Path, nargs="*", default=[])
    found.add_argument("--runs", nargs="*", default=[], metavar="RUN=FOLDER", help="of the same fold")
    found.add_argument("--asked", nargs="*", default=[], metavar="RUN", help="those that were applied to train rows")
    found.add_argument("--weights", type=Path, nargs="*", default=[], help="weights.json, at most one")
    found.add_argument("--seed", type=int, required=True)
    found.add_argument("--threads", type=int, default=1)
    return found


def folders(args) -> dict[str, Folders]:
    """Run -> where it keeps what it says."""
    found = {name: Path(folder) for name, _, folder in (item.partition("=") for item in args.runs)}
    return {name: Folders(folder, folder / TRAIN if name in args.asked else None) for name, folder in found.items()}


def sources(args) -> list[Path]:
    """Sidecars of all that a job reads but for the fold and its audits."""
    runs = folders(args).values()
    applied = [run.train / "apply.json" for run in runs if run.train]
    return [*args.input_sidecars, *(run.stored / "run.json" for run in runs), *applied, *args.weights]


def read(args, recipe: dict) -> Fold:
    """The fold that a job works on; InputError unless audits have passed what it reads."""
    refuse_unaudited([args.audit, *args.child_audits], [args.fold, args.protocol], args.children)
    inputs = {name: [Path(f) for f in files] for name, *files in args.input}
    told = children_of(args), exchanges(args.exchange), readers(recipe, args.manifests)
    fold = read_fold(args.fold, args.protocol, inputs, *told)
    fold = replace(fold, about=about(args.input_sidecars))
    return with_runs(fold, recipe["inputs"], folders(args)) if args.runs else fold


def readers(recipe: dict, manifests: list[Path]) -> Readers:
    """View that a run reads -> what gives the items of its file of a part. manifests: of all parts."""
    of_part = {(path.parent.name, path.stem): path for path in manifests}

    def reader(view: str) -> Callable[[Path], Sequence]:
        read = plugin.find("views", view).read
        return lambda path: list(read(path, unlabelled(of_part[place_of(path)])))

    return {name: reader(view) for name, view in recipe.get("readers", {}).items()}


def unlabelled(path: Path) -> list[Utterance]:
    """Rows of a manifest without what is said of their emotion: some are test rows."""
    blank = dict.fromkeys(("label", "gender", "intensity", "votes"), "") | dict.fromkeys(RATINGS)
    return [replace(row, **blank) for row in manifest.read(path)]


def children_of(args) -> dict[str, Path]:
    """Augmented view -> table of its rows."""
    return {path.stem.partition(".")[2]: path for path in args.children}


def refuse_unaudited(audits: list[Path], tables: list[Path], children: list[Path]) -> None:
    """Raise InputError unless every audit passed, each has seen these very tables, and some each table of children.

    audits: of the protocol, then of augmented rows. tables: the fold table and the sidecar of its protocol.
    """
    found = [read_json(path) for path in audits]
    for path, audit in zip(audits, found, strict=True):
        if audit.get("ok") is not True:
            raise InputError(path, "the audit did not pass", "mend the protocol")
    seen = [set(audit["inputs"].values()) for audit in found]
    for table in tables:
        if sha256(table) not in set.intersection(*seen):
            raise InputError(table, "no audit has seen this table", "run the workflow again")
    for path in children:
        if sha256(path) not in set.union(*seen):
            raise InputError(path, "no audit has seen these augmented rows", "run the workflow again")


def exchanges(items: list[list[str]]) -> dict[str, dict[str, list[Path]]]:
    """View -> input -> files, from INPUT VIEW[.ENCODER] FILE... items."""
    found: dict[str, dict[str, list[Path]]] = {}
    for name, instead, *files in items:
        found.setdefault(instead.partition(".")[0], {})[name] = [Path(file) for file in files]
    return found


def supplied(args, module) -> dict[str, Weights | str | None]:
    """What a model may ask for by name: weights, device. PyTorch gets the job's threads."""
    if not module.GPU:
        return {"weights": _weights(args), "device": "cpu"}
    import torch

    torch.set_num_threads(args.threads)
    return {"weights": _weights(args), "device": "cuda" if torch.cuda.is_available() else "cpu"}


def _weights(args) -> Weights | None:
    return opened(args.weights[0]) if args.weights else None


def model_of(recipe: dict):
    """The model that a recipe names."""
    return plugin.find("models", recipe["plugin"])


def checkpoint_folder(recipe: dict, files: list[Path], seed: int, out: Path) -> Path:
    """A folder for exactly this recipe, these inputs and this seed, so that nothing stale is ever resumed.

    out: where the results go; the equal run of another config is another job, and may train at the same time.
    """
    key = canonical([recipe, seed, str(out), [sha256(file) for file in files]])
    return CHECKPOINTS / hashlib.sha256(key.encode()).hexdigest()[:24]


def inherited(sidecars: list[Path]) -> dict[str, list[str]]:
    """What a run takes over from all that it reads: facts for its sidecar.

    random_inputs: the inputs, and weights of models, that are random initialisations or come from them. in_sample_runs:
    runs whose outputs for train rows come from a model that had learnt from these rows.
    """
    found = [read_json(path) for path in sidecars]
    random = {f["recipe"]["feature"] for f in found if f.get("random_weights")}
    random |= {f"{OF_MODELS}{f['name']}" for f in found if f.get("random")}
    known = {f["recipe"]["run"] for f in found if f.get("in_sample")}
    own = {"random_inputs": random, "in_sample_runs": known}
    return {key: sorted(names.union(*(f.get(key, []) for f in found))) for key, names in own.items()}


def finish(sidecar: Path, args, recipe: dict, outputs: list[Path], *more: Path, **facts) -> None:
    """Write the sidecar of a job. more: what it has read beside the fold, its audits and `sources`."""
    used = [args.fold, args.audit, *args.children, *args.child_audits, *sources(args), *more]
    packages = [*PACKAGES, *model_of(recipe).PACKAGES]
    write_sidecar(sidecar, recipe, inputs=used, outputs=outputs, packages=packages, **facts)
