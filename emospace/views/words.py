"""The words view: words of each utterance with start and end, as published by the corpus, never estimated."""

from collections.abc import Sequence
from pathlib import Path

from emospace.core.manifest import Problem, Utterance
from emospace.views._files import SLACK
from emospace.views._reading import words as read
from emospace.views._reading import write_words

KIND = "words"
SUFFIX = ".csv"
Words = list[tuple[str, float, float]]


def extract(rows: Sequence[Utterance], root: Path, out: Path, *, words: Path) -> tuple[list[Problem], dict]:
    """Write the CSV `out`, one line per word; return the problems and the facts for the sidecar.

    words: the table of the corpus's words, with times in seconds from the start of the utterance. The words of an
    utterance are left out if they are out of order or end after it.
    """
    aligned, problems = list(read(words, rows)), []
    for k, row in enumerate(rows):
        if detail := _fault(aligned[k], row.end - row.start):
            remedy = "correct the times; the words are left out"
            problems.append(Problem(row.utterance, row.audio, "no alignment", detail, remedy))
            aligned[k] = []
    write_words(out, rows, aligned)
    missing = sum(not of_row for of_row in aligned)
    return problems, {"rows": len(rows), "missing": missing, "words": sum(map(len, aligned))}


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
