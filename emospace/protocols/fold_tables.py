"""Fold tables: one CSV row per utterance, or per augmented child, with its side and labels."""

from collections.abc import Iterable
from pathlib import Path

from emospace.core import records
from emospace.core.manifest import RATINGS

SIDES = ("train", "dev", "test")
LABELS = ["label", "gender", *RATINGS]
COLUMNS = ["utterance", "parent", "corpus", "part", "row", "speaker", "split", *LABELS]
# Location and labels of a row, which a child inherits from its parent.
INHERITED = ["corpus", "part", "row", "speaker", *LABELS]


def read(path: Path) -> list[dict[str, str]]:
    """Read a fold table or a table of children. Raises InputError if it is missing or has other columns."""
    return records.read(path, COLUMNS, exactly=True)


def read_train(path: Path, *, copies: bool = False) -> list[dict[str, str]]:
    """Read the train rows of a fold table; copies: with repetitions. Raises InputError if it is missing."""
    lines = [line for line in read(path) if line["split"] == "train"]
    return lines if copies else list({line["utterance"]: line for line in lines}.values())


def write_table(path: Path, lines: Iterable[dict]) -> None:
    """Write a fold table of rows with exactly COLUMNS."""
    records.write(path, COLUMNS, lines)


def child_of(line: dict[str, str], view: str) -> dict[str, str]:
    """Row of the child that an augmented view adds for a row of a fold table."""
    inherited = {name: line[name] for name in INHERITED}
    return {"utterance": f"{line['utterance']}~{view}", "parent": line["utterance"], "split": "train"} | inherited
