"""Composition of the sides of a fold: speakers, sexes, classes and recurring sentences, for the reader to assess."""

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
    """Reduce a text to its words, without case, accents, punctuation and spacing."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or text
    return " ".join(re.findall(r"\w+", plain.lower()))


def fold_facts(table: Sequence[dict[str, str]], rows: Mapping[str, Utterance]) -> dict:
    """Count rows and speakers per side, in total and by sex and class, and the test texts that recur in train.

    table: rows of the fold CSV; children are not counted. rows: the manifest by utterance, with classes as labels; it
    has sex and label of test rows too.
    """
    sides = {s: [rows[t["utterance"]] for t in table if t["split"] == s and not t["parent"]] for s in SIDES}
    known = {normalise_text(row.text) for row in sides["train"]}
    texts = [text for text in (normalise_text(row.text) for row in sides["test"]) if text]
    return {
        "n": {side: len(members) for side, members in sides.items()},
        "speakers": {side: sorted({row.speaker for row in members}) for side, members in sides.items()},
        "sex": {side: _counted(members, [row.gender for row in members]) for side, members in sides.items()},
        "class": {side: _counted(members, [row.label for row in members]) for side, members in sides.items()},
        "test_texts": len(texts),
        "test_texts_in_train": sum(text in known for text in texts),
    }


def _counted(members: Sequence[Utterance], values: Sequence[str]) -> dict[str, dict[str, int]]:
    """Number of speakers and rows for each value; values: one per row."""
    rows = Counter(values)
    speakers = Counter(value for value, _ in set(zip(values, (row.speaker for row in members), strict=True)))
    return {value: {"speakers": speakers[value], "rows": count} for value, count in sorted(rows.items())}


def lacks(folds: Mapping[str, dict]) -> dict[str, list[str]]:
    """Map each sex or class missing from a side, but present on another side of the fold, to the names of the folds.

    folds: name -> result of `fold_facts`. Unknown values ("") are ignored.
    """
    missing: dict[str, list[str]] = {}
    for fold, facts in folds.items():
        for attribute in ("sex", "class"):
            every = set(chain(*facts[attribute].values())) - {""}
            for side in (side for side in SIDES if facts["n"][side]):
                for value in sorted(every - facts[attribute][side].keys()):
                    missing.setdefault(f"{side} has no {value}", []).append(fold)
    return missing
