"""The split of prepared tables (emospace/corpora/prepared.py), including copies: leaky, for comparison only.

The test rows also serve as dev rows, as in the publication.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.corpora._prepared import read_texts

FOLDS = 1
LEAKY = True
FILES = ("train_table", "test_table")


def check(folds: int, sides: Sequence[str], *, train_table: str, test_table: str, **others) -> None:
    """Require a single fold and readable tables."""
    if folds != FOLDS:
        raise InputError("folds", f"the tables have one split, the protocol {folds} folds", "set `folds: 1`")
    for file in (train_table, test_table):
        read_texts(Path(file))


def split(
    rows: Sequence[Utterance],
    folds: int,
    *,
    known: Collection[str],
    train_table: str,
    test_table: str,
    dev: bool = True,
) -> list[list[list[str]]]:
    """Put each utterance on the sides of its lines. Raises InputError for an utterance that the corpus lacks.

    train_table, test_table: the tables of transcripts. dev: whether test rows are dev rows too.
    """
    sides: dict[str, list[str]] = {}
    for file, names in ((train_table, ["train"]), (test_table, ["dev", "test"] if dev else ["test"])):
        for number, line in enumerate(read_texts(Path(file)), 2):
            if line["wav_file"] not in known:
                reason = f"line {number}: the corpus has no utterance {line['wav_file']!r}"
                raise InputError(file, reason, "name the tables of the corpus itself")
            sides.setdefault(line["wav_file"], []).extend(names)
    return [[sides.get(row.utterance, []) for row in rows]]
