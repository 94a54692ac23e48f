"""Tables of a fold: one CSV row per utterance, or per augmented child of one, with its split and labels."""

from collections.abc import Iterable
from pathlib import Path

from emospace.core import records
from emospace.core.manifest import RATINGS

SIDES = ("train", "dev", "test")
LABELS = ["label", "gender", *RATINGS]
COLUMNS = ["utterance", "parent", "corpus", "part", "row", "speaker", "split", *LABELS]
# Where a row lies and what it is labelled: a child has all of it from its parent.
INHERITED = ["corpus", "part", "row", "speaker", *LABELS]


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a fold table, or of a table of children. Raises InputError where it is missing or has other columns."""
    return records.read(path, COLUMNS, exactly=True)


def read_train(path: Path, *, copies: bool = False) -> list[dict[str, str]]:
    """The train rows of a fold table; copies: each as often as it occurs. Raises InputError where it is missing."""
    found = [line for line in read(path) if line["split"] == "train"]
    return found if copies else list({line["utterance"]: line for line in found}.values())


def write_table(path: Path, lines: Iterable[dict]) -> None:
    """Write a fold table: the rows have just COLUMNS."""
    records.write(path, COLUMNS, lines)


def child_of(line: dict[str, str], view: str) -> dict[str, str]:
    """The row of the child that an augmented view gives to a row of a fold table."""
    inherited = {name: line[name] for name in INHERITED}
    return {"utterance": f"{line['utterance']}~{view}", "parent": line["utterance"], "split": "train"} | inherited
