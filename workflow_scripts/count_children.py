"""One table of how many rows augmentation adds: a line per protocol, fold and view."""

import csv
from pathlib import Path

from emospace.provenance import atomic, read_json, write_sidecar
from workflow_scripts._command import arguments, run

COLUMNS = ["corpus", "protocol", "fold", "view", "train", "children"]


def line(sidecar: Path) -> dict:
    """A line from the sidecar .../<corpus>/<protocol>/<fold>.<view>.json of a table of children."""
    facts = read_json(sidecar)
    corpus, protocol, name = sidecar.parts[-3:]
    counts = {key: facts[key] for key in ("view", "train", "children")}
    return {"corpus": corpus, "protocol": protocol, "fold": name.partition(".")[0]} | counts


def job(args, recipe):
    with atomic(args.out) as tmp, open(tmp, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(line, args.children))
    write_sidecar(args.out.with_suffix(".json"), recipe, inputs=args.children, outputs=[args.out])


def main():
    parser = arguments(__doc__)
    parser.add_argument("--children", type=Path, nargs="*", default=[], help="sidecars of all tables of children")
    parser.add_argument("--out", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
