"""The words view: words of each utterance with start and end, where the corpus publishes them; never an estimate."""

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
    """Write the CSV `out`, a line per word; returns the problems met and facts for the sidecar.

    words: the table of what the corpus tells. Seconds count from the start of the utterance. An utterance whose words
    are not in order, or end after it, is left without.
    """
    found, problems = list(read(words, rows)), []
    for k, row in enumerate(rows):
        if detail := _fault(found[k], row.end - row.start):
            remedy = "correct the times; its words are left out"
            problems.append(Problem(row.utterance, row.audio, "no alignment", detail, remedy))
            found[k] = []
    write_words(out, rows, found)
    missing = sum(not some for some in found)
    return problems, {"rows": len(rows), "missing": missing, "words": sum(map(len, found))}


def _fault(words: Words, seconds: float) -> str:
    """What is wrong with the times of some words, "" if nothing."""
    before = 0.0
    for word, start, end in words:
        if not before <= start + SLACK or not start <= end <= seconds + SLACK:
            return f"{word!r} is said from {start:.3f} to {end:.3f} s of {seconds:.3f} s, after {before:.3f} s"
        before = end
    return ""
