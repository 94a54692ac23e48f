"""Named label maps from the codes of a corpus to the classes of an experiment.

Rows whose code a map omits are excluded. Each artifact that depends on a map records its name and content.
"""

from collections.abc import Iterable, Mapping

from emospace.core.errors import InputError
from emospace.core.plugin import suggest

_IEMOCAP4 = {"ang": "ang", "hap": "hap", "exc": "hap", "neu": "neu", "sad": "sad"}

MAPS: dict[str, dict[str, str]] = {
    # The usual four classes, with excited as happy: 5,531 utterances of the full corpus.
    "iemocap4": _IEMOCAP4,
    "iemocap5": {"ang": "ang", "hap": "hap", "exc": "hap", "neu": "neu", "sad": "sad", "fru": "fru"},
    # The six classes of emotion recognition in conversation: 7,380 utterances by the evaluation files.
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
    # The four classes common to RAVDESS and IEMOCAP; calm exists only in RAVDESS and is omitted.
    "ravdess4": {"01": "neu", "03": "hap", "04": "sad", "05": "ang"},
}


OWN = "own"  # the map that uses the codes of a corpus as classes
COMMON = "common"  # the map of the emotions that all corpora of a config have
# Other words of corpora for the same emotion. TESS's pleasant surprise is not in the list, as others may be unpleasant.
_SYNONYMS = {"angry": "anger", "disgusted": "disgust", "fearful": "fear", "happy": "happiness", "joy": "happiness"}
_SYNONYMS |= {"sad": "sadness", "surprised": "surprise"}


def own(codes: Iterable[str], root: str) -> dict[str, str]:
    """Map each code to itself, in alphabetical order. Raises InputError for fewer than two codes."""
    if len(names := sorted(codes)) < 2:
        reason = f"its only label is {names[0]!r}" if names else "its labels are not known: the corpus is not there"
        raise InputError(root, reason, "a protocol needs at least two: define a map of your own under `labels`")
    return {code: code for code in names}


def common(codes: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Map the codes of each corpus to the emotions that all of them have, by the codes' English names.

    codes: corpus -> code -> name. Classes are in alphabetical order. Raises InputError for fewer than two.
    """
    emotions = {
        corpus: {code: _SYNONYMS.get(word := name.lower(), word) for code, name in names.items()}
        for corpus, names in codes.items()
    }
    shared = sorted(set.intersection(*(set(named.values()) for named in emotions.values())))
    if len(shared) < 2:
        reason = f"the corpora have {'only ' + shared[0] if shared else 'no emotion'} in common"
        listed = "; ".join(f"{corpus}: {', '.join(sorted(set(e.values()))) or '?'}" for corpus, e in emotions.items())
        raise InputError("labels: common", f"{reason} ({listed})", "write a label map for each under `labels`")
    return {
        corpus: {code: name for name in shared for code in sorted(named) if named[code] == name}
        for corpus, named in emotions.items()
    }


def label_map(name: str, extra: dict[str, dict[str, str]] | None = None) -> dict[str, str]:
    """Look up a map by name, in `extra` (those of the config) and the built-in ones. Raises InputError if unknown."""
    known = {**MAPS, **(extra or {})}
    if name not in known:
        raise InputError(f"labels: {name}", "no label map has this name", suggest(name, known))
    return known[name]


def classes(mapping: dict[str, str]) -> list[str]:
    """Class names in order of first occurrence in the map; label 0 is the first."""
    return list(dict.fromkeys(mapping.values()))
