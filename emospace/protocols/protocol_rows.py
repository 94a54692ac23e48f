"""The rows that a protocol is made of: those of its corpora, filtered, each with its class in the place of its label.

Two corpora may call a speaker, a session, a dialogue or a file alike. Where a protocol has several, these names begin
with that of the corpus; ids of utterances stay as they are, and none may be in two corpora.
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
    """Corpus -> its rows, of data/manifest/<corpus>.csv. Raises InputError for an utterance of two corpora."""
    found = {path.stem: manifest.read(path) for path in manifests}
    home: dict[str, str] = {}
    for corpus, rows in found.items():
        for row in rows:
            if (other := home.setdefault(row.utterance, corpus)) != corpus:
                path = next(p for p in manifests if p.stem == corpus)
                reason = f"the utterance {row.utterance!r} is in {other} too"
                raise InputError(path, reason, "take one of the two corpora, or give their utterances other ids")
    if len(found) == 1:
        return found
    return {corpus: [_qualified(row, corpus) for row in rows] for corpus, rows in found.items()}


def _qualified(row: Utterance, corpus: str) -> Utterance:
    return replace(row, **{name: f"{corpus}/{value}" for name in QUALIFIED if (value := getattr(row, name))})


def recordings(files: Sequence[Path]) -> dict[str, str]:
    """Path of a sound or film, as `read` names it -> its digest. files: data/manifest/<corpus>/<part>.*.sha256."""
    corpora = {path.parent.name for path in files}
    prefix = {corpus: f"{corpus}/" if len(corpora) > 1 else "" for corpus in corpora}
    return {
        f"{prefix[corpus]}{path}": digest
        for corpus in sorted(corpora)
        for path, digest in read_digests([f for f in files if f.parent.name == corpus]).items()
    }


def chosen(corpora: Corpora, labels: Mapping[str, dict], wanted: Mapping[str, object]) -> Corpora:
    """The same rows with their classes as labels; of those that the filter or the label map leaves out it is empty.

    labels: corpus -> {map: code -> class}. wanted: the `rows` of a protocol.
    """
    return {
        corpus: [replace(row, label=labels[corpus]["map"].get(row.label, "") * kept(row, wanted)) for row in rows]
        for corpus, rows in corpora.items()
    }


def by_class(corpora: Corpora, labels: Mapping[str, dict], wanted: Mapping[str, object] | None = None) -> dict:
    """Utterance -> its row, as `chosen` has it, of all corpora in turn."""
    return {row.utterance: row for rows in chosen(corpora, labels, wanted or {}).values() for row in rows}


def sharing(protocol: dict) -> list[tuple[str, str]]:
    """Pairs of sides that may share dialogues, from the sidecar of a protocol."""
    return [tuple(pair) for pair in protocol["shares_dialogues"]]


def kept(row: Utterance, wanted: Mapping[str, object]) -> bool:
    """Does a row pass the filter?"""
    return all(_passes(getattr(row, column), value) for column, value in wanted.items())


def _passes(found, value) -> bool:
    if isinstance(value, dict):
        low, high = value.get("min", float("-inf")), value.get("max", float("inf"))
        return found is not None and low <= found <= high
    return found in (value if isinstance(value, list) else [value])


def left_out(corpora: Corpora, labels: Mapping[str, dict], names: Mapping[str, dict], wanted: Mapping) -> dict:
    """What leaves rows out -> what it is called, and how many: first the columns of the filter, then codes.

    names: corpus -> code -> its English name.
    """
    found: dict[str, dict] = {}
    for corpus, rows in corpora.items():
        told = f"{corpus}: " if len(corpora) > 1 else ""
        for row in rows:
            column = next((c for c in wanted if not _passes(getattr(row, c), wanted[c])), None)
            if column:
                _count(found, f"rows: {column}", f"{column} is not {_said(wanted[column])}")
            elif row.label not in labels[corpus]["map"]:
                _count(found, f"{told}{row.label}", f"{told}{names[corpus].get(row.label, row.label)}")
    return found


def _count(found: dict, key: str, name: str) -> None:
    found.setdefault(key, {"name": name, "rows": 0})["rows"] += 1


def _said(value) -> str:
    if isinstance(value, dict):
        return " and ".join(f"{'at least' if end == 'min' else 'at most'} {value[end]:g}" for end in sorted(value))
    if isinstance(value, bool):
        return str(value).lower()
    return " or ".join(str(v) or "empty" for v in value) if isinstance(value, list) else str(value) or "empty"


def fault(column: str, value) -> str:
    """What a value of the filter for a column must be, "" if this one is."""
    if column in FLAGS:
        return plugin.fault(value, bool)
    if column in NUMBERS:
        return "" if isinstance(value, dict) else plugin.fault(value, float)  # the schema looks into {min, max}
    wrong = plugin.fault(value, str)
    return wrong and f"{wrong}; put quotes around a word that YAML reads otherwise"


def refuse_idle_filter(corpora: Corpora, wanted: Mapping, file: Path) -> None:
    """Raise InputError for a value of the filter that no row has: it is most likely misspelt."""
    rows = [row for found in corpora.values() for row in found]
    for column, value in wanted.items():
        counts = Counter(getattr(row, column) for row in rows)
        for one in value if isinstance(value, list) else [value]:
            if not any(_passes(there, one) for there in counts):
                known = [there for there in counts if there not in (None, "")]
                if column in NUMBERS:
                    remedy = f"it is {min(known):g} to {max(known):g}" if known else "no row has one"
                else:
                    often = ", ".join(f"{_said(v)} {n}" for v, n in counts.most_common(10))
                    remedy = f"rows of each: {often}"
                raise InputError(file, f"no row has {column} {_said(one)}, which `rows` asks for", remedy)
