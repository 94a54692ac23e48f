"""What the sides of a fold are made of: speakers, sexes, classes, and sentences that recur. For people to judge by."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain

from emospace.core.manifest import Utterance
from emospace.protocols.fold_tables import SIDES


@cache
def normalise_text(text: str) -> str:
    """Text reduced to its words: case, accents, punctuation and spacing do not make two sentences differ."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or text
    return " ".join(re.findall(r"\w+", plain.lower()))


def fold_facts(table: Sequence[dict[str, str]], rows: Mapping[str, Utterance]) -> dict:
    """Per side: rows, speakers, and both by sex and by class; and how many test texts occur word for word in train.

    table: rows of the fold CSV, of which children do not count. rows: the manifest by utterance, which knows the
    sex and label of test rows too, with the class in the place of the corpus's code.
    """
    sides = {s: [rows[t["utterance"]] for t in table if t["split"] == s and not t["parent"]] for s in SIDES}
    known = {normalise_text(row.text) for row in sides["train"]}
    texts = [text for text in (normalise_text(row.text) for row in sides["test"]) if text]
    return {
        "n": {side: len(found) for side, found in sides.items()},
        "speakers": {side: sorted({row.speaker for row in found}) for side, found in sides.items()},
        "sex": {side: _counted(found, [row.gender for row in found]) for side, found in sides.items()},
        "class": {side: _counted(found, [r.label for r in found]) for side, found in sides.items()},
        "test_texts": len(texts),
        "test_texts_in_train": sum(text in known for text in texts),
    }


def _counted(found: Sequence[Utterance], values: Sequence[str]) -> dict[str, dict[str, int]]:
    """Value -> its speakers and rows; values: one for each row."""
    rows = Counter(values)
    speakers = Counter(value for value, _ in set(zip(values, (row.speaker for row in found), strict=True)))
    return {value: {"speakers": speakers[value], "rows": count} for value, count in sorted(rows.items())}


def lacks(folds: Mapping[str, dict]) -> dict[str, list[str]]:
    """What a side lacks of the sexes and classes that another side of its fold has -> the folds where it does.

    folds: name -> what `fold_facts` says of it. What is unknown ("") is none.
    """
    found: dict[str, list[str]] = {}
    for fold, facts in folds.items():
        for what in ("sex", "class"):
            every = set(chain(*facts[what].values())) - {""}
            for side in (side for side in SIDES if facts["n"][side]):
                for value in sorted(every - facts[what][side].keys()):
                    found.setdefault(f"{side} has no {value}", []).append(fold)
    return found
