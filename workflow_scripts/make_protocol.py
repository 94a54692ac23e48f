"""Split the rows of one or more corpora: one table per fold; labels of test rows are blank."""

from pathlib import Path

from emospace.core import plugin
from emospace.core.provenance import read_json, write_sidecar
from emospace.protocols import protocol_rows
from emospace.protocols.dividing import divide, left_out
from emospace.protocols.fold_tables import write_table
from emospace.protocols.labels import classes
from workflow_scripts._command import arguments, run


def job(args, recipe):
    corpora = protocol_rows.read(args.manifest)
    division = divide(corpora, recipe, args.manifest)
    for path, lines in zip(args.out, division.tables(), strict=True):
        write_table(path, lines)
    codes = {path.stem: read_json(path)["codes"] for path in args.manifest_sidecar}
    split = plugin.find("splits", recipe["split"])
    facts = {k: recipe[k] for k in ("protocol", "split", "leaky", "labels", "corpus")}
    facts |= {
        "rows": len(division.rows) - division.idle() - division.undrawn(),
        "folds": [path.stem for path in args.out],
    }
    facts |= {"left_out": left_out(corpora, division, recipe, codes), "shares_dialogues": split.SHARES_DIALOGUES}
    facts |= {"covers": split.COVERS and "train" not in recipe}
    if "train_rows" in recipe:
        before = dict(zip(facts["folds"], division.before_the_draw(), strict=True))
        facts["draw"] = {"train_rows": recipe["train_rows"], "draw": recipe["draw"], "filter": recipe["rows"]}
        facts["draw"]["before"] = before
    names = classes(next(iter(recipe["labels"].values()))["map"])
    write_sidecar(args.sidecar, recipe, inputs=args.manifest_sidecar, outputs=args.out, classes=names, **facts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="one per corpus, named after it")
    parser.add_argument("--manifest-sidecar", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="one CSV per fold, in order")
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
