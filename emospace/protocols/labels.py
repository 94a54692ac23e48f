"""Named label maps: a corpus's own codes -> the classes of an experiment.

A code that a map leaves out leaves the experiment. The name and the map travel in every artifact they shape.
"""

from collections.abc import Iterable

from emospace.core.errors import InputError
from emospace.core.plugin import suggest

_IEMOCAP4 = {"ang": "ang", "hap": "hap", "exc": "hap", "neu": "neu", "sad": "sad"}

MAPS: dict[str, dict[str, str]] = {
    # The usual four classes, excited counted as happy: 5,531 utterances of the full corpus.
    "iemocap4": _IEMOCAP4,
    "iemocap5": {"ang": "ang", "hap": "hap", "exc": "hap", "neu": "neu", "sad": "sad", "fru": "fru"},
    # The six classes of work on emotion recognition in conversation: 7,380 by the evaluation files.
    "iemocap6": {code: code for code in ("ang", "exc", "fru", "hap", "neu", "sad")},
    "ravdess8": {
        "01": "neutral",
        "02": "calm",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fearful",
        "07": "disgust",
        "08": "surprised",
    },
    # The four classes that RAVDESS and IEMOCAP have in common; calm, which only RAVDESS has, is left out.
    "ravdess4": {"01": "neu", "03": "hap", "04": "sad", "05": "ang"},
}


OWN = "own"  # name of the map that keeps the codes of a corpus as they are


def own(codes: Iterable[str], root: str) -> dict[str, str]:
    """Each code its own class, in alphabetical order. Raises InputError where fewer than two are known."""
    if len(found := sorted(codes)) < 2:
        reason = f"its only label is {found[0]!r}" if found else "its labels are not known: the corpus is not there"
        raise InputError(root, reason, "a protocol needs at least two: name a map of your own under `labels`")
    return {code: code for code in found}


def label_map(name: str, extra: dict[str, dict[str, str]] | None = None) -> dict[str, str]:
    """The map of that name, from `extra` (the config's own) or the built-in ones."""
    known = {**MAPS, **(extra or {})}
    if name not in known:
        raise InputError(f"labels: {name}", "there is no label map of this name", suggest(name, known))
    return known[name]


def classes(mapping: dict[str, str]) -> list[str]:
    """Class names in the order in which the map first names them: the meaning of label 0, 1, ..."""
    return list(dict.fromkeys(mapping.values()))
