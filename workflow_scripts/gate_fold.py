"""Decide which augmented copies a fold may train on: a verdict per train row, from scores and an optional probe."""

from pathlib import Path

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_sidecar
from emospace.gate import tables
from emospace.protocols.fold_tables import read_train
from emospace.runs import gate_probe
from workflow_scripts._command import arguments, run


def verdicts(files: list[Path]) -> dict[str, dict[str, str]]:
    """Return utterance -> its row in the tables of scores."""
    return {row["utterance"]: row for path in files for row in tables.read(path)}


def job(args, recipe):
    chosen = recipe["options"]
    plugin.settings([tables.verdict_of], chosen, f"gate: {recipe['view']}", "the gate")
    wanted, scored = [row["utterance"] for row in read_train(args.fold)], verdicts(args.scores)
    if lost := set(wanted) - scored.keys():
        raise InputError(args.fold, f"train row {min(lost)!r} has no scores", "pass the scores of all parts")
    agreements = {}
    if args.child_features:
        agreements = gate_probe.agreements(args.fold, args.protocol, args.parent_features, args.child_features)
    lines = [
        tables.verdict_of(name, scored[name]["verdict"], scored[name]["reason"], agreements.get(name), **chosen)
        for name in wanted
    ]
    tables.write_verdicts(args.out, lines)
    about = {key: read_json(args.protocol)["recipe"][key] for key in ("corpora", "protocol")} | {"fold": args.fold.stem}
    inputs = [args.fold, args.protocol, *args.sidecars]
    facts = {**about, "view": recipe["view"], **tables.counts(lines)}
    packages = gate_probe.PACKAGES if args.child_features else ()
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=[args.out], packages=packages, **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--fold", type=Path, required=True, help="fold table, .csv")
    parser.add_argument("--protocol", type=Path, required=True, help="sidecar of the protocol, .json")
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="tables of all parts, .csv")
    parser.add_argument("--parent-features", type=Path, nargs="*", default=[], help="stores of all parts, for a probe")
    parser.add_argument("--child-features", type=Path, nargs="*", default=[], help="the same feature of the copies")
    parser.add_argument("--sidecars", type=Path, nargs="*", default=[], help="those of all scores and features")
    parser.add_argument("--out", type=Path, required=True, help=".csv")
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
