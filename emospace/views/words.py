"""The words view: words of each utterance with start and end, as published by the corpus or as a recogniser hears them.

Nothing here estimates times from a text.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from emospace.core.manifest import SLACK, Problem, Utterance
from emospace.core.option_types import NamedView, NamedWeights
from emospace.views._reading import words as read
from emospace.views._reading import write_words
from emospace.weights.record import Weights

KIND = "words"
SUFFIX = ".csv"
ENVIRONMENT = "encode"  # it has the recognisers
Source = Literal["given", "recognised", "given_or_recognised"]
Words = list[tuple[str, float, float]]


def extract(
    rows: Sequence[Utterance],
    root: Path,
    out: Path,
    *,
    words: Path,
    source: Source = "given",
    audio: NamedView = "",
    weights: NamedWeights = "",
    recognise: dict = {},  # noqa: B006, never changed
    threads: int = 1,
) -> tuple[list[Problem], dict]:
    """Write the CSV `out`, one line per word; return the problems and the facts for the sidecar.

    words: the table of the corpus's words, with times in seconds from the start of the utterance. source: "given" by
    the corpus; "recognised" from the view `audio` with these `weights` and the options `recognise` (see
    emospace.speech.recognition.settings); or "given_or_recognised": recognised where the corpus has no words. The words
    of an utterance are left out if they are out of order or end after it.
    """
    aligned = [[] for _ in rows] if source == "recognised" else list(read(words, rows))
    problems = _checked(rows, aligned)
    facts = {} if source == "given" else _recognise(rows, aligned, audio, weights, threads, recognise)
    problems += _checked(rows, aligned)
    write_words(out, rows, aligned)
    missing = sum(not of_row for of_row in aligned)
    return problems, {"rows": len(rows), "missing": missing, "words": sum(map(len, aligned))} | facts


def _checked(rows: Sequence[Utterance], aligned: list[Words]) -> list[Problem]:
    """Leave out the words of rows with impossible times; return a problem for each."""
    problems = []
    for k, row in enumerate(rows):
        if detail := _fault(aligned[k], row.end - row.start):
            remedy = "correct the times; the words are left out"
            problems.append(Problem(row.utterance, row.audio, "no alignment", detail, remedy))
            aligned[k] = []
    return problems


def _recognise(
    rows: Sequence[Utterance], aligned: list[Words], audio: Path, weights: Weights, threads: int, options: dict
) -> dict:
    """Fill in the words of rows without any; return facts for the sidecar."""
    from emospace.core.provenance import versions
    from emospace.core.sidecars import sample_rate
    from emospace.core.store import Ragged
    from emospace.speech import recognition
    from emospace.views._recognised import PACKAGES

    waves, settings = Ragged.open(audio, len(rows)), recognition.settings(options)
    places = [k for k in range(len(rows)) if not aligned[k]]
    heard = recognition.recognise_words(
        [waves[k] for k in places], weights=weights, rate=sample_rate(audio), threads=threads, **settings
    )
    for k, (words, _) in zip(places, heard, strict=True):
        aligned[k] = words
    return {"recognised": len(places), "settings": settings, "recogniser": versions(*PACKAGES)}


def check_extract(*, source, audio, weights, recognise, where: str, entries: dict) -> None:
    """Raise InputError for incompatible options."""
    from emospace.views._checks import check_recognition

    check_recognition(source != "given", "recognised words", audio, weights, recognise, where, entries)


def check_source(kind: str, *, sample_rate: int = 0) -> None:
    """Raise InputError unless the view `audio` has the recogniser's sample rate."""
    from emospace.views._checks import check_sound

    check_sound(kind, sample_rate=sample_rate)


def _fault(words: Words, seconds: float) -> str:
    """The fault in the times of some words, or "" if there is none."""
    before = 0.0
    for word, start, end in words:
        if not before <= start + SLACK or not start <= end <= seconds + SLACK:
            place = f"{start:.3f} to {end:.3f} s"
            return (
                f"{word!r} lasts from {place}, the word before ends at {before:.3f} s, the utterance at {seconds:.3f} s"
            )
        before = end
    return ""
