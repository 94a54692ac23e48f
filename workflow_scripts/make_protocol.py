"""Split a corpus: one table per fold, with the labels of its test rows left blank."""

from collections import Counter
from pathlib import Path

from emospace import manifest
from emospace.errors import InputError
from emospace.fold_tables import LABELS, write_table
from emospace.labels import classes
from emospace.manifest import Utterance
from emospace.provenance import write_sidecar
from emospace.splits import SPLITS
from workflow_scripts._command import arguments, run


def positions(rows: list[Utterance]) -> dict[str, int]:
    """Index of each utterance within its part: the row of every store that belongs to it."""
    seen: Counter = Counter()
    place = {}
    for row in rows:
        place[row.utterance] = seen[row.part]
        seen[row.part] += 1
    return place


def line(row: Utterance, position: int, side: str, label: str) -> dict:
    """One row of a fold table. Blank labels on test rows make it impossible to learn or choose anything from them."""
    facts = {"utterance": row.utterance, "parent": "", "part": row.part, "row": position, "speaker": row.speaker}
    labels = {"label": label, **{name: getattr(row, name) for name in LABELS[1:]}}
    return facts | {"split": side} | (dict.fromkeys(LABELS, "") if side == "test" else labels)


def job(args, recipe):
    mapping = recipe["labels"]["map"]
    every = manifest.read(args.manifest)
    place = positions(every)
    # Batches are drawn from rows in their order, which must not depend on how many parts the corpus is made in.
    rows = sorted((r for r in every if r.label in mapping), key=lambda row: row.utterance)
    if not rows:
        known = ", ".join(sorted({r.label for r in every}))
        reason = f"no label fits the map {recipe['labels']['name']!r}"
        raise InputError(args.manifest, reason, f"its labels are: {known}")
    sides = SPLITS[recipe["split"]](rows, len(args.out), recipe["seed"])
    for path, assignment in zip(args.out, sides, strict=True):
        placed = zip(rows, assignment, strict=True)
        write_table(path, (line(row, place[row.utterance], side, mapping[row.label]) for row, side in placed))
    facts = {k: recipe[k] for k in ("protocol", "split", "leaky", "labels", "corpus")}
    counts = {"rows": len(rows), "left_out": len(every) - len(rows), "folds": [p.stem for p in args.out]}
    inputs = [args.manifest_sidecar]
    write_sidecar(args.sidecar, recipe, inputs=inputs, outputs=args.out, classes=classes(mapping), **facts, **counts)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--manifest-sidecar", type=Path, required=True)
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="one CSV per fold, in order")
    parser.add_argument("--sidecar", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
