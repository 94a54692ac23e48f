"""The text view: one line of text per utterance, by default the transcript of the corpus."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance
from emospace.core.option_types import NamedView, NamedWeights
from emospace.core.provenance import versions
from emospace.core.texts import clean, write
from emospace.views._reading import lines as read  # noqa: F401
from emospace.weights.record import Weights

KIND = "text"
SUFFIX = ".csv"
ENVIRONMENT = "encode"  # it has the recognisers
Source = Literal["given", "recognised", "simulated"]
PLACE = "{label}"


def extract(
    rows: Sequence[Utterance],
    root: Path,
    out: Path,
    *,
    source: Source = "given",
    audio: NamedView = "",
    weights: NamedWeights = "",
    recognise: dict = {},  # noqa: B006, never changed
    template: str = "I am in this state: {label}.",
    threads: int = 1,
) -> tuple[list[Problem], dict]:
    """Write the CSV `out`; return the problems and the facts for the sidecar. An empty text is missing.

    source: "given" by the corpus; "recognised" from the view `audio` with these `weights` and the options `recognise`
    (see emospace.speech.recognition.settings); or "simulated", the `template` with the utterance's label for {label}.
    Publications have used simulated texts, but they reveal the label, so every run that reads them leaks.
    """
    if source == "recognised":
        return _recognised(rows, audio, out, weights, threads, recognise)
    raw = [template.replace(PLACE, row.label) if source == "simulated" else row.text for row in rows]
    texts = [clean(text) for text in raw]
    write(out, [row.utterance for row in rows], texts)
    remedy = "add its transcript to the corpus, or use models that accept rows without text"
    empty = [row for row, text in zip(rows, texts, strict=True) if not text]
    problems = [Problem(r.utterance, r.audio or r.video, "no transcript", "the text is empty", remedy) for r in empty]
    facts = {"rows": len(rows), "missing": len(empty), "words": sum(len(text.split()) for text in texts)}
    return problems, facts if source == "given" else facts | {"source": source}


def _recognised(rows, audio: Path, out: Path, weights: Weights, threads: int, options: dict) -> tuple:
    from emospace.views._recognised import LOST, PACKAGES, listen

    problems, facts = listen(rows, audio, out, weights, threads, options, LOST)
    return problems, facts | {"source": "recognised", "recogniser": versions(*PACKAGES)}


def leaky(*, source: str = "given") -> bool:
    """Return whether texts reveal the label, as simulated ones do."""
    return source == "simulated"


def check_extract(*, source, audio, weights, recognise, template, where: str, entries: dict) -> None:
    """Raise InputError for incompatible options."""
    from emospace.views._checks import check_recognition

    check_recognition(source == "recognised", "recognised texts", audio, weights, recognise, where, entries)
    if source == "simulated" and PLACE not in template:
        raise InputError(f"{where}: template", f"it has no {PLACE}", f"write {PLACE} where the label belongs")


def check_source(kind: str, *, sample_rate: int = 0) -> None:
    """Raise InputError unless the view `audio` has the recogniser's sample rate."""
    from emospace.views._checks import check_sound

    check_sound(kind, sample_rate=sample_rate)
