"""Score one run. No other script compares predictions with test labels."""

from pathlib import Path

from emospace.core import records
from emospace.core.provenance import read_json, write_sidecar
from emospace.evaluation.description import confusion_rows, meta
from emospace.evaluation.predictions import read_run, truth_of, write_table
from emospace.evaluation.result import evaluate
from workflow_scripts._command import arguments, run


def job(args, recipe):
    protocol = read_json(args.protocol)
    truth, other = truth_of(args.manifest, args.folds, args.protocol, recipe), None
    if recipe["other"]:
        other = truth_of(args.other_manifest, args.other_folds, *args.other_protocol, recipe["other"])
    predictions = read_run(args.run_dirs, truth)
    baseline = read_run(args.baseline_dirs, other or truth) if args.baseline_dirs else None
    how = {"stochastic": recipe["stochastic"], "metrics": recipe["metrics"], "other": other}
    result = evaluate(truth, predictions, baseline, seed=recipe["seed"], **how, **recipe["options"])
    write_table(args.predictions, truth, predictions)
    classes = protocol["classes"]
    records.write(args.confusion, ["truth", *classes], confusion_rows(classes, result["confusion"]))
    sidecars = [folder / "run.json" for folder in args.run_dirs]
    about = meta(recipe, protocol, truth, predictions, baseline, result, sidecars)
    result.pop("shared", None)
    compared = [folder / "run.json" for folder in args.baseline_dirs]
    inputs = [*args.manifest, args.protocol, *args.folds, *sidecars, *compared]
    inputs += [*args.other_manifest, *args.other_protocol, *args.other_folds]
    outputs = [args.predictions, args.confusion]
    write_sidecar(args.out, recipe, inputs=inputs, outputs=outputs, packages=["numpy", "scipy"], meta=about, **result)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="one per corpus, named after it")
    for name in ("protocol", "out", "predictions", "confusion"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--folds", type=Path, nargs="+", required=True, help="tables of the protocol")
    parser.add_argument("--run-dirs", type=Path, nargs="+", required=True, help="<fold>-<seed> folders")
    parser.add_argument("--baseline-dirs", type=Path, nargs="*", default=[])
    other = "of the baseline's protocol, if it differs"
    for name in ("manifest", "protocol", "folds"):
        parser.add_argument(f"--other-{name}", type=Path, nargs="*", default=[], help=other)
    run(parser, job)


if __name__ == "__main__":
    main()
