"""Tables of a fold: one CSV row per utterance, or per augmented child of one, with its split and labels."""

import csv
from collections.abc import Iterable
from pathlib import Path

from emospace.errors import InputError
from emospace.provenance import atomic

LABELS = ["label", "gender", "valence", "arousal", "dominance"]
COLUMNS = ["utterance", "parent", "part", "row", "speaker", "split", *LABELS]
# Where a row lies and what it is labelled: a child has all of it from its parent.
INHERITED = ["part", "row", "speaker", *LABELS]


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV with a header, as text. Raises InputError where the file is missing."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except FileNotFoundError as error:
        raise InputError(path, "no such file", "run the workflow step that makes it") from error


def write_table(path: Path, lines: Iterable[dict]) -> None:
    """Write a fold table: the rows have just COLUMNS."""
    with atomic(path) as tmp, open(tmp, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def child_of(line: dict[str, str], view: str) -> dict[str, str]:
    """The row of the child that an augmented view gives to a row of a fold table."""
    inherited = {name: line[name] for name in INHERITED}
    return {"utterance": f"{line['utterance']}~{view}", "parent": line["utterance"], "split": "train"} | inherited
