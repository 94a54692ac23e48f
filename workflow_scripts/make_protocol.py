"""Split the rows of one or more corpora: one table per fold, with the labels of its test rows left blank."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.provenance import read_json, sha256, write_sidecar
from emospace.protocols import protocol_rows
from emospace.protocols.assignment import SEE, checked
from emospace.protocols.fold_tables import LABELS, write_table
from emospace.protocols.labels import classes
from emospace.protocols.protocol_rows import Corpora
from workflow_scripts._command import arguments, run

NOWHERE = "on no side"


def positions(rows: list[Utterance]) -> dict[str, int]:
    """Index of each utterance within its part: the row of every store that belongs to it."""
    seen: Counter = Counter()
    place = {}
    for row in rows:
        place[row.utterance] = seen[row.part]
        seen[row.part] += 1
    return place


def places(corpora: Corpora) -> dict[str, dict]:
    """Utterance -> corpus, part and row: where every store has what belongs to it."""
    found = {}
    for corpus, rows in corpora.items():
        place = positions(rows)
        found |= {r.utterance: {"corpus": corpus, "part": r.part, "row": place[r.utterance]} for r in rows}
    return found


def line(row: Utterance, place: dict, side: str) -> dict:
    """One row of a fold table. Blank labels on test rows make it impossible to learn or choose anything from them."""
    labels = dict.fromkeys(LABELS, "") if side == "test" else {name: getattr(row, name) for name in LABELS}
    return {"utterance": row.utterance, "parent": "", **place, "speaker": row.speaker, "split": side, **labels}


def refuse_empty_class(corpora: Corpora, kept: Corpora, manifests: list[Path], labels: dict) -> None:
    """Raise InputError unless each corpus has rows of each class. kept: the same with the corpora's codes."""
    for path in manifests:
        mapping, counts = labels[path.stem]["map"], Counter(row.label for row in corpora[path.stem])
        if empty := [name for name in classes(mapping) if name not in counts]:
            codes = ", ".join(code for code, name in mapping.items() if name in empty)
            name = labels[path.stem]["name"]
            reason = f"the map {name!r} makes {', '.join(empty)} of {codes}, and no row has such a label"
            there = sorted(Counter(row.label for row in kept[path.stem]).items())
            remedy = f"rows of each: {', '.join(f'{code} {n}' for code, n in there)}"
            raise InputError(path, reason, f"leave that class out, or name other codes; {remedy}")


def assigned(recipe: dict, rows: list[Utterance], place: dict, known: set[str]) -> list[list]:
    """For each fold the sides of each row, as the split has them; known: ids of all rows of the corpora.

    With `train` in the recipe, the split sees the corpora to train on alone. There is one fold: its dev side is that of
    the split's first, all other rows are train, and all rows of other corpora test.
    """
    files = {name: recipe["options"][name] for name in recipe["files"]}
    for name, file in files.items():
        if sha256(Path(file)) != recipe["files"][name]:
            raise InputError(file, "it has changed since this run was planned", "run the workflow again")
    split = plugin.find("splits", recipe["split"])
    seen = [row for row in rows if place[row.utterance]["corpus"] in recipe.get("train", recipe["corpora"])]
    given, file = plugin.offered(split.split, seed=recipe["seed"], known=known), plugin.file_of(split)
    with plugin.blamed(file, "split()", f"mend it; {SEE}"):
        found = split.split(seen, recipe["folds"], **given, **recipe["options"])
    about = {"file": next(iter(files.values()), file), "leaky": recipe["leaky"]}
    if "train" not in recipe:
        return checked(found, rows, recipe["folds"], sides=recipe["sides"], covers=split.COVERS, **about)
    sides = [side for side in recipe["sides"] if side != "test"]
    first = checked(found, seen, recipe["folds"], sides=sides, covers=split.COVERS, **about)[0]
    placed = zip(seen, first, strict=True)
    mine = {row.utterance: ["dev" if side == "dev" else "train" for side in sides] for row, sides in placed}
    return [[mine.get(row.utterance, ["test"]) for row in rows]]


def tables(assignment: list[list], rows: list[Utterance], place: dict) -> Iterator[Iterator[dict]]:
    """Lines of each fold table; a row that occurs several times has as many lines."""
    for fold in assignment:
        placed = zip(rows, fold, strict=True)
        yield (line(row, place[row.utterance], side) for row, sides in placed for side in sides)


def job(args, recipe):
    labels, wanted = recipe["labels"], recipe["rows"]
    every = protocol_rows.read(args.manifest)
    protocol_rows.refuse_idle_filter(every, wanted, args.manifest[0])
    chosen = protocol_rows.chosen(every, labels, wanted)
    kept = {corpus: [r for r in found if protocol_rows.kept(r, wanted)] for corpus, found in every.items()}
    refuse_empty_class(chosen, kept, args.manifest, labels)
    place = places(every)
    # Batches are drawn from rows in their order, which must not depend on how many parts the corpus is made in.
    rows = sorted((r for found in chosen.values() for r in found if r.label), key=lambda row: row.utterance)
    assignment = assigned(recipe, rows, place, set(place))
    for path, lines in zip(args.out, tables(assignment, rows, place), strict=True):
        write_table(path, lines)
    names = {path.stem: read_json(path)["codes"] for path in args.manifest_sidecar}
    lost = protocol_rows.left_out(every, labels, names, wanted)
    if idle := sum(not any(sides) for sides in zip(*assignment, strict=True)):
        lost[NOWHERE] = {"name": f"{NOWHERE} of the split", "rows": idle}
    split = plugin.find("splits", recipe["split"])
    facts = {k: recipe[k] for k in ("protocol", "split", "leaky", "labels", "corpus")}
    facts |= {"rows": len(rows) - idle, "left_out": lost, "folds": [path.stem for path in args.out]}
    facts |= {"covers": split.COVERS and "train" not in recipe, "shares_dialogues": split.SHARES_DIALOGUES}
    names = classes(next(iter(labels.values()))["map"])
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
