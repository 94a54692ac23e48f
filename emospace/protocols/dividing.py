"""Divide the rows of one or more corpora among the sides of each fold, by the split that a protocol names."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.provenance import sha256
from emospace.protocols import protocol_rows
from emospace.protocols.assignment import SEE, checked
from emospace.protocols.drawing import drawn, of_protocol
from emospace.protocols.fold_tables import LABELS, SIDES
from emospace.protocols.labels import classes
from emospace.protocols.places import places
from emospace.protocols.protocol_rows import Corpora

NOWHERE, NOT_DRAWN = "on no side", "not drawn"


@dataclass(frozen=True)
class Division:
    """Labelled rows by utterance, the place of each utterance, and for each fold the sides of each row.

    split: these sides before any train rows were left out by a draw.
    """

    rows: list[Utterance]
    place: dict[str, dict]
    assignment: list[list]
    split: list[list]

    def tables(self) -> Iterator[Iterator[dict]]:
        """Lines of each fold table; a row that occurs several times has as many lines."""
        for fold in self.assignment:
            placed = zip(self.rows, fold, strict=True)
            yield (line(row, self.place[row.utterance], side) for row, sides in placed for side in sides)

    def idle(self) -> int:
        """Number of rows that the split puts on no side of any fold."""
        return _unused(self.split)

    def undrawn(self) -> int:
        """Number of rows that are on no side of any fold because no draw took them."""
        return _unused(self.assignment) - _unused(self.split)

    def before_the_draw(self) -> list[dict]:
        """For each fold, the number of distinct rows of each side before the draw, and the ids of rows on no side."""
        return [
            {side: sum(side in sides for sides in fold) for side in SIDES}
            | {"idle": [row.utterance for row, sides in zip(self.rows, fold, strict=True) if not sides]}
            for fold in self.split
        ]


def _unused(assignment: list[list]) -> int:
    return sum(not any(sides) for sides in zip(*assignment, strict=True))


def divide(corpora: Corpora, recipe: dict, manifests: Sequence[Path]) -> Division:
    """Filter the rows, map their labels, assign them to sides, and draw train rows if the protocol trains on fewer.

    manifests: of the corpora, named in errors. Raises InputError for a filter that selects nothing, a class without
    rows, a split table that has changed since planning, a split that breaks its contract, or too few rows to draw from.
    """
    labels, wanted = recipe["labels"], recipe["rows"]
    protocol_rows.refuse_idle_filter(corpora, wanted, manifests[0])
    labelled = protocol_rows.chosen(corpora, labels, wanted)
    kept = {corpus: [r for r in rows if protocol_rows.kept(r, wanted)] for corpus, rows in corpora.items()}
    refuse_empty_class(labelled, kept, manifests, labels)
    place = places(corpora)
    # Batches are drawn from rows in their order, which must not depend on the number of parts.
    rows = sorted((r for of_corpus in labelled.values() for r in of_corpus if r.label), key=lambda row: row.utterance)
    split = assigned(recipe, rows, place)
    return Division(rows, place, _drawn(split, rows, recipe), split)


def _drawn(split: Sequence, rows: Sequence[Utterance], recipe: dict) -> Sequence:
    """The split, with the train rows that the protocol draws if it trains on fewer."""
    draw = of_protocol(recipe)
    return drawn(split, rows, draw, seed=recipe["seed"], where=f"protocol {recipe['protocol']}") if draw else split


def left_out(corpora: Corpora, division: Division, recipe: dict, codes: dict[str, dict]) -> dict[str, dict]:
    """Rows in no fold table, by code of the corpus. Those on no side of the split count as one code.

    So do those that no draw took. codes: corpus -> code -> name.
    """
    lost = protocol_rows.left_out(corpora, recipe["labels"], codes, recipe["rows"])
    if idle := division.idle():
        lost[NOWHERE] = {"name": f"{NOWHERE} of the split", "rows": idle}
    if undrawn := division.undrawn():
        lost[NOT_DRAWN] = {"name": f"{NOT_DRAWN} for training", "rows": undrawn}
    return lost


def line(row: Utterance, place: dict, side: str) -> dict:
    """One row of a fold table. Labels of test rows are blank, so nothing can be learnt or chosen from them."""
    labels = dict.fromkeys(LABELS, "") if side == "test" else {name: getattr(row, name) for name in LABELS}
    return {"utterance": row.utterance, "parent": "", **place, "speaker": row.speaker, "split": side, **labels}


def refuse_empty_class(corpora: Corpora, kept: Corpora, manifests: Sequence[Path], labels: dict) -> None:
    """Raise InputError unless each corpus has rows of each class. kept: the same rows with the corpora's codes."""
    for path in manifests:
        mapping, counts = labels[path.stem]["map"], Counter(row.label for row in corpora[path.stem])
        if empty := [name for name in classes(mapping) if name not in counts]:
            codes = ", ".join(code for code, name in mapping.items() if name in empty)
            name = labels[path.stem]["name"]
            reason = f"the map {name!r} makes {', '.join(empty)} of {codes}, and no row has such a label"
            there = sorted(Counter(row.label for row in kept[path.stem]).items())
            remedy = f"rows of each: {', '.join(f'{code} {n}' for code, n in there)}"
            raise InputError(path, reason, f"leave that class out, or name other codes; {remedy}")


def assigned(recipe: dict, rows: list[Utterance], place: dict[str, dict]) -> list[list]:
    """For each fold the sides of each row, as the split assigns them.

    With `train` in the recipe, the split gets only the corpora to train on. There is one fold: its dev side is that of
    the split's first fold, all other rows of these corpora are train, and all rows of other corpora are test.
    """
    files = _unchanged(recipe)
    split = plugin.find("splits", recipe["split"])
    shown = [row for row in rows if place[row.utterance]["corpus"] in recipe.get("train", recipe["corpora"])]
    offer, file = plugin.offered(split.split, seed=recipe["seed"], known=set(place)), plugin.file_of(split)
    with plugin.blamed(file, "split()", f"mend it; {SEE}"):
        answer = split.split(shown, recipe["folds"], **offer, **recipe["options"])
    about = {"file": next(iter(files.values()), file), "leaky": recipe["leaky"]}
    if "train" not in recipe:
        return checked(answer, rows, recipe["folds"], sides=recipe["sides"], covers=split.COVERS, **about)
    sides = [side for side in recipe["sides"] if side != "test"]
    first = checked(answer, shown, recipe["folds"], sides=sides, covers=split.COVERS, **about)[0]
    placed = zip(shown, first, strict=True)
    mine = {row.utterance: ["dev" if side == "dev" else "train" for side in sides] for row, sides in placed}
    return [[mine.get(row.utterance, ["test"]) for row in rows]]


def _unchanged(recipe: dict) -> dict[str, str]:
    """Option -> file that it names. Raises InputError for a file that has changed since planning."""
    files = {name: recipe["options"][name] for name in recipe["files"]}
    for name, file in files.items():
        if sha256(Path(file)) != recipe["files"][name]:
            raise InputError(file, "it has changed since this run was planned", "run the workflow again")
    return files
