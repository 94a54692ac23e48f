"""Score one run: the only place where test labels meet predictions."""

import csv
from pathlib import Path

import numpy as np

from emospace import manifest
from emospace.audit import normalise_text
from emospace.evaluation import Predictions, Truth, evaluate, read_run
from emospace.provenance import atomic, read_json, sha256, write_json
from workflow_scripts._command import arguments, run


def write_rows(path: Path, rows: list[list]) -> None:
    with atomic(path) as tmp, open(tmp, "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)


def prediction_rows(truth: Truth, found: Predictions, classes: list[str]) -> list[list]:
    """One row per utterance; probabilities are means over seeds."""
    mean = found.probabilities.mean(0)
    rows = [["utterance", "fold", "speaker", "label", "predicted", *classes]]
    for row, fold, label, values in zip(truth.rows, found.folds, truth.label, mean, strict=True):
        guess = classes[int(values.argmax())]
        rows.append([row.utterance, fold, row.speaker, classes[label], guess, *(f"{v:.6f}" for v in values)])
    return rows


def train_texts(folds: list[Path], texts: dict[str, str]) -> dict[str, set[str]]:
    """Fold -> normalised texts of its train rows."""
    result = {}
    for path in folds:
        with open(path, encoding="utf-8", newline="") as handle:
            lines = list(csv.DictReader(handle))
        result[path.stem] = {normalise_text(texts[line["utterance"]]) for line in lines if line["split"] == "train"}
    return result


def job(args, recipe):
    protocol = read_json(args.protocol)
    classes = protocol["classes"]
    rows = manifest.read(args.manifest)
    truth = Truth.of(rows, recipe["labels"]["map"], classes)
    order = [row.utterance for row in truth.rows]
    found = read_run(args.run_dirs, order, classes)
    baseline = read_run(args.baseline_dirs, order, classes) if args.baseline_dirs else None
    texts = train_texts(args.folds, {row.utterance: row.text for row in rows})
    result = evaluate(truth, found, baseline, classes, texts, recipe["seed"])
    records = [read_json(folder / "run.json") for folder in args.run_dirs]
    about = {key: recipe[key] for key in ("run", "model", "corpus", "protocol", "leaky", "baseline")}
    about |= {"labels": recipe["labels"], "classes": classes, "seeds": found.seeds, "n": len(order)}
    about |= {"speakers": len(truth.speakers)}
    about["random_inputs"] = sorted({name for record in records for name in record["random_inputs"]})
    about["absent_inputs"] = sorted({name for record in records for name in record["missing"]})
    inputs = {str(folder / "run.json"): sha256(folder / "run.json") for folder in args.run_dirs}
    write_json(args.out, {"meta": about, **result, "recipe": recipe, "inputs": inputs})
    write_rows(args.predictions, prediction_rows(truth, found, classes))
    table = np.array(result["confusion"])
    body = [[name, *(f"{v:g}" for v in line)] for name, line in zip(classes, table, strict=True)]
    write_rows(args.confusion, [["truth \\ predicted", *classes], *body])


def main():
    parser = arguments(__doc__)
    for name in ("manifest", "protocol", "out", "predictions", "confusion"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--folds", type=Path, nargs="+", required=True)
    parser.add_argument("--run-dirs", type=Path, nargs="+", required=True)
    parser.add_argument("--baseline-dirs", type=Path, nargs="*", default=[])
    run(parser, job)


if __name__ == "__main__":
    main()
