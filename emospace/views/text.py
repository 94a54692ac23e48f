"""The text view: what was said, one line per utterance; as the corpus wrote it down unless `source` says otherwise."""

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
    """Write the CSV `out`; returns the problems met and facts for the sidecar. An empty text is missing.

    source: "given" by the corpus; "recognised" in the view `audio` with these `weights`, `recognise` holding options of
    emospace.speech.recognition.settings; or "simulated", `template` with the utterance's label in the place of {label},
    as has been published: such a text tells the label, so whatever reads it leaks.
    """
    if source == "recognised":
        return _recognised(rows, audio, out, weights, threads, recognise)
    said = [template.replace(PLACE, row.label) if source == "simulated" else row.text for row in rows]
    texts = [clean(text) for text in said]
    write(out, [row.utterance for row in rows], texts)
    remedy = "add its transcript to the corpus, or let models do without"
    silent = [row for row, text in zip(rows, texts, strict=True) if not text]
    problems = [Problem(r.utterance, r.audio or r.video, "no transcript", "the text is empty", remedy) for r in silent]
    facts = {"rows": len(rows), "missing": len(silent), "words": sum(len(text.split()) for text in texts)}
    return problems, facts if source == "given" else facts | {"source": source}


def _recognised(rows, audio: Path, out: Path, weights: Weights, threads: int, options: dict) -> tuple:
    from emospace.views._recognised import LOST, PACKAGES, listen

    problems, facts = listen(rows, audio, out, weights, threads, options, LOST)
    return problems, facts | {"source": "recognised", "recogniser": versions(*PACKAGES)}


def leaky(*, source: str = "given") -> bool:
    """A transcript that was simulated from the label tells it."""
    return source == "simulated"


def check_extract(*, source, audio, weights, recognise, template, where: str, entries: dict) -> None:
    """Raise InputError for options that do not go together."""
    from emospace.views._checks import check_recognised

    if source == "recognised":
        for option, value in {"audio": audio, "weights": weights}.items():
            if not value:
                raise InputError(where, f"a recognised text needs the option {option!r}", "add it")
        check_recognised(weights=weights, where=f"{where}: recognise", entries=entries, **recognise)
    elif audio or weights or recognise:
        raise InputError(where, f"nothing is recognised where the source is {source!r}", "set `source: recognised`")
    if source == "simulated" and PLACE not in template:
        raise InputError(f"{where}: template", f"it has no {PLACE}", "say where the label goes")


def check_source(kind: str, *, sample_rate: int = 0) -> None:
    """What is recognised is sound of the recogniser's rate."""
    from emospace.views._checks import check_sound

    check_sound(kind, sample_rate=sample_rate)
