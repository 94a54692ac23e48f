"""Train one model on one fold with one seed; write its state, its history and what it predicts for dev and test."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from emospace import plugin, records
from emospace.data import Fold, Trained
from emospace.errors import InputError
from emospace.folds import read_fold
from emospace.inputs import about
from emospace.provenance import atomic, canonical, read_json, sha256, write_sidecar
from emospace.store import Ragged
from workflow_scripts._command import arguments, run

CHECKPOINTS = Path(".emospace/checkpoints")


def checkpoint_folder(recipe: dict, files: list[Path], seed: int, out: Path) -> Path:
    """A folder for exactly this recipe, these inputs and this seed, so that nothing stale is ever resumed.

    out: where the results go; the equal run of another config is another job, and may train at the same time.
    """
    key = canonical([recipe, seed, str(out), [sha256(file) for file in files]])
    return CHECKPOINTS / hashlib.sha256(key.encode()).hexdigest()[:24]


def present(fold: Fold) -> np.ndarray:
    """For dev, then test rows: does the row have any of the run's inputs? (Always, for a run that reads parents.)"""
    sides = []
    for rows in (fold.dev, fold.test):
        lengths = [[len(item) for item in i] if isinstance(i, list) else i.lengths for i in rows.inputs.values()]
        sides.append(np.any(np.array(lengths), axis=0) if lengths else np.ones(len(rows), bool))
    return np.concatenate(sides)


def predictions(fold: Fold, trained: Trained) -> list[dict]:
    """Rows of probabilities.csv: no labels, so nothing here can be scored by mistake."""
    sides = [("dev", u) for u in fold.dev.utterances] + [("test", u) for u in fold.test.utterances]
    rows = []
    columns, values = list(fold.classes), trained.probabilities
    if trained.gender is not None:
        columns, values = [*columns, "gender_F", "gender_M"], np.concatenate([values, trained.gender], axis=1)
    for (side, utterance), there, line in zip(sides, present(fold), values, strict=True):
        row = {"utterance": utterance, "split": side, "present": int(there)}
        rows.append(row | {c: f"{p:.7f}" for c, p in zip(columns, line, strict=True)})
    return rows


def write_results(folder: Path, fold: Fold, trained: Trained) -> list[Path]:
    from safetensors.numpy import save_file

    paths = [folder / n for n in ("model.safetensors", "history.csv", "probabilities.csv", "embeddings.npy")]
    with atomic(paths[0]) as tmp:
        save_file({k: np.ascontiguousarray(v) for k, v in trained.state.items()}, tmp)
    found = predictions(fold, trained)
    records.write(paths[1], list(trained.history[0]) if trained.history else ["epoch"], trained.history)
    records.write(paths[2], list(found[0]), found)
    embeddings = trained.embeddings
    with atomic(paths[3]) as tmp:
        np.save(tmp, np.empty((len(trained.probabilities), 0), np.float32) if embeddings is None else embeddings)
    return paths


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


def random_weights(sidecars: list[Path]) -> list[str]:
    """Names of the inputs that a randomly initialised encoder touched."""
    found = [read_json(path) for path in sidecars]
    inherited = {name for f in found for name in f.get("random_inputs", [])}
    return sorted(inherited | {f["recipe"]["feature"] for f in found if f.get("random_weights")})


def job(args, recipe):
    children = {path.stem.partition(".")[2]: path for path in args.children}
    refuse_unaudited([args.audit, *args.child_audits], [args.fold, args.protocol], args.children)
    inputs = {name: [Path(f) for f in files] for name, *files in args.input}
    parents = {name: Path(folder) for name, _, folder in (p.partition("=") for p in args.parents)}
    sources = [*args.input_sidecars, *(folder / "run.json" for folder in parents.values())]
    fold = read_fold(args.fold, args.protocol, inputs, children, exchanges(args.exchange))
    fold = replace(fold, about=about(args.input_sidecars))
    checkpoint = checkpoint_folder(recipe, [args.fold, *args.children, *sources], args.seed, args.out)
    if hasattr(model := plugin.find("models", recipe["plugin"]), "GPU") and model.GPU:
        import torch

        torch.set_num_threads(args.threads)
    trained = model.train(fold, seed=args.seed, checkpoint=checkpoint, parents=parents, **recipe["options"])
    outputs = write_results(args.out, fold, trained)
    sizes = {side: len(getattr(fold, side)) for side in ("train", "dev", "test")}
    nothing = [n for n, i in fold.train.inputs.items() if isinstance(i, Ragged) and not len(i.values)]
    facts = {"facts": trained.facts, "n": sizes, "classes": list(fold.classes), "seed": args.seed, "missing": nothing}
    facts["random_inputs"] = random_weights(sources)
    if children:  # `n` counts all that it learnt from
        facts["children"] = {view: len(records.read(path)) for view, path in children.items()}
    packages = ["numpy", "torch", "scikit-learn", "safetensors"]
    used = [args.fold, args.audit, *args.children, *args.child_audits, *sources]
    write_sidecar(args.out / "run.json", recipe, inputs=used, outputs=outputs, packages=packages, **facts)
    shutil.rmtree(checkpoint, ignore_errors=True)


def main():
    parser = arguments(__doc__)
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
        metavar="INPUT INSTEAD FILE",
        help="what children of a view have in the place of an input: text.sbert text_bt.sbert FILE...",
    )
    parser.add_argument("--input-sidecars", type=Path, nargs="*", default=[])
    parser.add_argument("--parents", nargs="*", default=[], metavar="RUN=FOLDER")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    run(parser, job)


if __name__ == "__main__":
    main()
