"""Score one run: the only place where test labels meet predictions."""

import csv
from collections.abc import Iterable
from pathlib import Path

from emospace import manifest
from emospace.evaluation import evaluate
from emospace.predictions import Predictions, Truth, read_run, read_truth
from emospace.provenance import atomic, read_json, write_sidecar
from workflow_scripts._command import arguments, run


def write_rows(path: Path, rows: Iterable[list]) -> None:
    with atomic(path) as tmp, open(tmp, "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)


def prediction_rows(truth: Truth, found: Predictions) -> Iterable[list]:
    """One row per utterance. Probabilities are means over seeds, and `predicted` is their largest."""
    yield ["utterance", "fold", "speaker", "label", "predicted", *truth.classes]
    mean = found.probabilities.mean(0)
    for row, fold, label, values in zip(truth.rows, truth.fold, truth.label, mean, strict=True):
        guess = truth.classes[int(values.argmax())]
        yield [row.utterance, fold, row.speaker, truth.classes[label], guess, *(f"{v:.6f}" for v in values)]


def confusion_rows(classes: list[str], table: list[list[float]]) -> Iterable[list]:
    """Rows truth, columns prediction; counts are means over seeds."""
    yield ["truth", *classes]
    yield from ([name, *(f"{count:g}" for count in line)] for name, line in zip(classes, table, strict=True))


def job(args, recipe):
    classes = read_json(args.protocol)["classes"]
    mapping, leaky = recipe["labels"]["map"], recipe["leaky"]
    truth = read_truth(manifest.read(args.manifest), args.folds, mapping, classes, leaky=leaky)
    found = read_run(args.run_dirs, truth)
    baseline = read_run(args.baseline_dirs, truth) if args.baseline_dirs else None
    result = evaluate(truth, found, baseline, seed=recipe["seed"], **recipe["options"])
    write_rows(args.predictions, prediction_rows(truth, found))
    write_rows(args.confusion, confusion_rows(classes, result["confusion"]))
    records = [folder / "run.json" for folder in args.run_dirs]
    about = {key: recipe[key] for key in ("run", "model", "corpus", "protocol", "leaky", "baseline")}
    about |= {"classes": classes, "seeds": found.seeds, "n": len(truth.rows), "speakers": len(truth.speakers)}
    for fact in ("random_inputs", "missing"):
        about[fact] = sorted({name for path in records for name in read_json(path).get(fact, [])})
    compared = [folder / "run.json" for folder in args.baseline_dirs]
    inputs = [args.manifest, args.protocol, *args.folds, *records, *compared]
    outputs = [args.predictions, args.confusion]
    write_sidecar(args.out, recipe, inputs=inputs, outputs=outputs, packages=["numpy"], meta=about, **result)


def main():
    parser = arguments(__doc__)
    for name in ("manifest", "protocol", "out", "predictions", "confusion"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--folds", type=Path, nargs="+", required=True, help="tables of the protocol")
    parser.add_argument("--run-dirs", type=Path, nargs="+", required=True, help="<fold>-<seed> folders")
    parser.add_argument("--baseline-dirs", type=Path, nargs="*", default=[])
    run(parser, job)


if __name__ == "__main__":
    main()
