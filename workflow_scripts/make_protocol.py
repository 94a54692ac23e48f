"""Split a corpus: one table per fold, with the labels of its test rows left blank."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from emospace import manifest
from emospace.errors import InputError
from emospace.fold_tables import LABELS, write_table
from emospace.labels import classes
from emospace.manifest import Utterance
from emospace.provenance import read_json, write_sidecar
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


def mapped(every: list[Utterance], about: Path, labels: dict) -> list[Utterance]:
    """Rows whose code is in the map, ordered by utterance. Raises InputError unless there are some of each class."""
    mapping = labels["map"]
    # Batches are drawn from rows in their order, which must not depend on how many parts the corpus is made in.
    rows = sorted((row for row in every if row.label in mapping), key=lambda row: row.utterance)
    counts = Counter(mapping[row.label] for row in rows)
    if empty := [name for name in classes(mapping) if name not in counts]:
        codes = ", ".join(code for code, name in mapping.items() if name in empty)
        reason = f"the map {labels['name']!r} makes {', '.join(empty)} of {codes}, and no row has such a label"
        there = ", ".join(f"{code} {n}" for code, n in sorted(Counter(row.label for row in every).items()))
        raise InputError(about, reason, f"leave that class out, or name other codes; rows of each: {there}")
    return rows


def left_out(every: list[Utterance], mapping: dict[str, str], names: dict[str, str]) -> dict[str, dict]:
    """Code that is not in the map -> its name in the corpus, and its rows."""
    counts = Counter(row.label for row in every if row.label not in mapping)
    return {code: {"name": names.get(code, code), "rows": n} for code, n in counts.items()}


def job(args, recipe):
    mapping, about = recipe["labels"]["map"], read_json(args.manifest_sidecar)
    every = manifest.read(args.manifest)
    place = positions(every)
    rows = mapped(every, args.manifest, recipe["labels"])
    sides = SPLITS[recipe["split"]]([replace(r, label=mapping[r.label]) for r in rows], len(args.out), recipe["seed"])
    for path, assignment in zip(args.out, sides, strict=True):
        placed = zip(rows, assignment, strict=True)
        write_table(path, (line(row, place[row.utterance], side, mapping[row.label]) for row, side in placed))
    facts = {k: recipe[k] for k in ("protocol", "split", "leaky", "labels", "corpus")}
    counts = {"rows": len(rows), "left_out": left_out(every, mapping, about["codes"])}
    counts["folds"] = [path.stem for path in args.out]
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
