"""Score one run: the only place where test labels meet predictions."""

from collections.abc import Iterator
from pathlib import Path

from emospace.core import records
from emospace.core.provenance import read_json, write_sidecar
from emospace.evaluation.intervals import described, method
from emospace.evaluation.predictions import Predictions, Truth, read_run, truth_of, write_table
from emospace.evaluation.result import evaluate, unrepeated
from workflow_scripts._command import arguments, run


def confusion_rows(classes: list[str], table: list[list[float]]) -> Iterator[dict]:
    """Rows truth, columns prediction; counts are means over seeds."""
    for name, line in zip(classes, table, strict=True):
        yield {"truth": name} | {column: f"{count:g}" for column, count in zip(classes, line, strict=True)}


def behind(truth: Truth, names: list[str], stochastic: list[bool], found: list[Predictions | None]) -> dict:
    """What stands behind the intervals: clusters, method, and the runs whose training noise they lack."""
    unit, count = truth.clusters.unit, truth.clusters.count
    lacking = [name for name, flag, one in zip(names, stochastic, found, strict=True) if unrepeated(flag, one)]
    told = described(count, unit) if count else "no test rows: nothing is measured"
    about = {"clusters": count, "cluster_unit": unit, "method": method(count), "intervals": told}
    return about | {"training_noise_not_included": lacking, "baseline_seeds": found[1].seeds if found[1] else []}


def comparison(recipe: dict, result: dict) -> dict | None:
    """The protocol of the run that this one is compared with, and how many rows and clusters both test."""
    if result["paired"] is None:
        return None
    count = result["shared"]["clusters"]
    protocol = (recipe["other"] or recipe)["protocol"]
    return {"protocol": protocol, "method": method(count), **result["shared"]}


def job(args, recipe):
    protocol = read_json(args.protocol)
    classes = protocol["classes"]
    truth, other = truth_of(args.manifest, args.folds, args.protocol, recipe), None
    if recipe["other"]:
        other = truth_of(args.other_manifest, args.other_folds, *args.other_protocol, recipe["other"])
    found = read_run(args.run_dirs, truth)
    baseline = read_run(args.baseline_dirs, other or truth) if args.baseline_dirs else None
    stochastic, names = recipe["stochastic"], recipe["metrics"]
    how = {"stochastic": stochastic, "metrics": names, "other": other}
    result = evaluate(truth, found, baseline, seed=recipe["seed"], **how, **recipe["options"])
    write_table(args.predictions, truth, found)
    records.write(args.confusion, ["truth", *classes], confusion_rows(classes, result["confusion"]))
    sidecars = [folder / "run.json" for folder in args.run_dirs]
    about = {key: recipe[key] for key in ("run", "model", "corpus", "corpora", "protocol", "leaks", "baseline")}
    about |= {"classes": classes, "seeds": found.seeds, "n": len(truth.rows), "speakers": len(truth.speakers)}
    about |= {"leaky": bool(recipe["leaks"]), "left_out": protocol["left_out"]}
    about |= {"metrics": names, "compare_by": recipe["compare_by"], "compared": comparison(recipe, result)}
    result.pop("shared", None)
    about |= behind(truth, [recipe["run"], recipe["baseline"]], stochastic, [found, baseline])
    for fact in ("random_inputs", "missing", "in_sample_runs"):
        about[fact] = sorted({name for path in sidecars for name in read_json(path).get(fact, [])})
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
    told = "of the baseline's protocol, if it is another"
    for name in ("manifest", "protocol", "folds"):
        parser.add_argument(f"--other-{name}", type=Path, nargs="*", default=[], help=told)
    run(parser, job)


if __name__ == "__main__":
    main()
