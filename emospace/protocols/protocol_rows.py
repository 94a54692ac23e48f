"""Rows of a protocol: those of its corpora, filtered, with classes in place of labels.

Corpora may share names of speakers, sessions, dialogues or files. In a protocol of several corpora these names are
prefixed with the corpus; ids of utterances are unchanged and must be unique over the corpora.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from emospace.core import manifest, plugin
from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.provenance import read_digests

QUALIFIED = ("dialogue", "session", "speaker", "audio", "video")
NUMBERS = ("start", "end", "valence", "arousal", "dominance")
FLAGS = ("scripted", "whole")
FILTERED = [name for name in manifest.COLUMNS if name != "part"]
Corpora = dict[str, list[Utterance]]


def read(manifests: Sequence[Path]) -> Corpora:
    """Read the rows of each data/manifest/<corpus>.csv. Raises InputError for an utterance id in two corpora."""
    corpora = {path.stem: manifest.read(path) for path in manifests}
    corpus_of: dict[str, str] = {}
    for corpus, rows in corpora.items():
        for row in rows:
            if (other := corpus_of.setdefault(row.utterance, corpus)) != corpus:
                path = next(p for p in manifests if p.stem == corpus)
                reason = f"the utterance {row.utterance!r} is in {other} too"
                raise InputError(path, reason, "use one of the two corpora, or rename the utterances of one")
    if len(corpora) == 1:
        return corpora
    return {corpus: [_qualified(row, corpus) for row in rows] for corpus, rows in corpora.items()}


def _qualified(row: Utterance, corpus: str) -> Utterance:
    return replace(row, **{name: f"{corpus}/{value}" for name in QUALIFIED if (value := getattr(row, name))})


def recordings(files: Sequence[Path]) -> dict[str, str]:
    """Digest of each sound or film by its path as in `read`. files: data/manifest/<corpus>/<part>.*.sha256."""
    corpora = {path.parent.name for path in files}
    prefix = {corpus: f"{corpus}/" if len(corpora) > 1 else "" for corpus in corpora}
    return {
        f"{prefix[corpus]}{path}": digest
        for corpus in sorted(corpora)
        for path, digest in read_digests([f for f in files if f.parent.name == corpus]).items()
    }


def chosen(corpora: Corpora, labels: Mapping[str, dict], wanted: Mapping[str, object]) -> Corpora:
    """Replace labels by classes; the label of a row excluded by the filter or the label map becomes empty.

    labels: corpus -> {map: code -> class}. wanted: the filter, the `rows` of a protocol.
    """
    return {
        corpus: [replace(row, label=labels[corpus]["map"].get(row.label, "") * kept(row, wanted)) for row in rows]
        for corpus, rows in corpora.items()
    }


def by_class(corpora: Corpora, labels: Mapping[str, dict], wanted: Mapping[str, object] | None = None) -> dict:
    """Rows of all corpora by utterance, as returned by `chosen`."""
    return {row.utterance: row for rows in chosen(corpora, labels, wanted or {}).values() for row in rows}


def sharing(protocol: dict) -> list[tuple[str, str]]:
    """Pairs of sides that may share dialogues, from the sidecar of a protocol."""
    return [tuple(pair) for pair in protocol["shares_dialogues"]]


def kept(row: Utterance, wanted: Mapping[str, object]) -> bool:
    """Whether a row passes the filter."""
    return all(_passes(getattr(row, column), value) for column, value in wanted.items())


def _passes(cell, value) -> bool:
    if isinstance(value, dict) and "not" in value:
        return cell not in _listed(value["not"])
    if isinstance(value, dict):
        low, high = value.get("min", float("-inf")), value.get("max", float("inf"))
        return cell is not None and low <= cell <= high
    return cell in _listed(value)


def _listed(value) -> list:
    return value if isinstance(value, list) else [value]


def left_out(corpora: Corpora, labels: Mapping[str, dict], names: Mapping[str, dict], wanted: Mapping) -> dict:
    """Count excluded rows by reason: the first column of the filter that excludes a row, else its code.

    names: corpus -> code -> English name. Each count is {name, rows}.
    """
    counts: dict[str, dict] = {}
    for corpus, rows in corpora.items():
        prefix = f"{corpus}: " if len(corpora) > 1 else ""
        for row in rows:
            column = next((c for c in wanted if not _passes(getattr(row, c), wanted[c])), None)
            if column:
                _count(counts, f"rows: {column}", f"{column} is not {_worded(wanted[column])}")
            elif row.label not in labels[corpus]["map"]:
                _count(counts, f"{prefix}{row.label}", f"{prefix}{names[corpus].get(row.label, row.label)}")
    return counts


def _count(counts: dict, key: str, name: str) -> None:
    counts.setdefault(key, {"name": name, "rows": 0})["rows"] += 1


def _worded(value) -> str:
    """A value of the filter in words."""
    if isinstance(value, dict) and "not" in value:
        return f"other than {_worded(value['not'])}"
    if isinstance(value, dict):
        return " and ".join(f"{'at least' if end == 'min' else 'at most'} {value[end]:g}" for end in sorted(value))
    if isinstance(value, bool):
        return str(value).lower()
    return " or ".join(str(v) or "empty" for v in value) if isinstance(value, list) else str(value) or "empty"


def fault(column: str, value) -> str:
    """Requirement that a filter value violates for its column, or "" if it is valid."""
    if column in FLAGS:
        return plugin.fault(value, bool)
    if column in NUMBERS:  # the schema checks {min, max}
        return "" if isinstance(value, dict) and "not" not in value else plugin.fault(value, float)
    if isinstance(value, dict) and value.keys() == {"not"}:
        return next(filter(None, (fault(column, one) for one in _listed(value["not"]))), "")
    wrong = plugin.fault(value, str)
    return wrong and f"{wrong}; put quotes around a word that YAML does not read as text"


def refuse_idle_filter(corpora: Corpora, wanted: Mapping, file: Path) -> None:
    """Raise InputError for a filter value that no row has, most likely a misspelling; `not` may exclude nothing."""
    rows = [row for members in corpora.values() for row in members]
    for column, value in wanted.items():
        counts = Counter(getattr(row, column) for row in rows)
        for item in _listed(value):
            if not any(_passes(cell, item) for cell in counts):
                known = [cell for cell in counts if cell not in (None, "")]
                if column in NUMBERS:
                    remedy = f"values range from {min(known):g} to {max(known):g}" if known else "no row has a value"
                else:
                    frequent = ", ".join(f"{_worded(v)} {n}" for v, n in counts.most_common(10))
                    remedy = f"values and their rows: {frequent}"
                raise InputError(file, f"no row has {column} {_worded(item)}, as the filter `rows` requires", remedy)
