"""Count the rows that augmentation adds: one line per protocol, fold and view."""

from pathlib import Path

from emospace.core import records
from emospace.core.provenance import read_json, write_sidecar
from workflow_scripts._command import arguments, run

COLUMNS = ["protocol", "fold", "view", "train", "children"]


def line(sidecar: Path) -> dict:
    """Return the line of a table of children, from its sidecar .../<protocol>/<fold>.<view>.json."""
    facts = read_json(sidecar)
    protocol, name = sidecar.parts[-2:]
    counts = {key: facts[key] for key in ("view", "train", "children")}
    return {"protocol": protocol, "fold": name.partition(".")[0]} | counts


def job(args, recipe):
    records.write(args.out, COLUMNS, map(line, args.children))
    write_sidecar(args.out.with_suffix(".json"), recipe, inputs=args.children, outputs=[args.out])


def main():
    parser = arguments(__doc__)
    parser.add_argument("--children", type=Path, nargs="*", default=[], help="sidecars of all tables of children")
    parser.add_argument("--out", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
