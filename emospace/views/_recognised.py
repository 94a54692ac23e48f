"""Recognise what is said in a view of sound, one line per utterance."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from emospace.core import texts
from emospace.core.manifest import WITHOUT_COPY, Problem, Utterance
from emospace.core.option_types import NamedWeights
from emospace.core.sidecars import sample_rate
from emospace.core.store import Ragged
from emospace.speech import recognition
from emospace.weights.record import Weights

# The flags that are news, and the reason that the quality table gives; the view has named what it has no audio of.
REASONS = {"too short": "too short", "silent": "silent"}
REASONS |= {"empty result": "no transcript", "recogniser failed": "no transcript"}
LOST = "listen to it, or let models do without"
PACKAGES = ("vosk", "faster-whisper", "ctranslate2", "numpy")


def recognised(
    rows: Sequence[Utterance],
    source: Path,
    out: Path,
    *,
    weights: NamedWeights,
    threads: int = 1,
    **options,
) -> tuple[list[Problem], dict]:
    """Write the CSV `out`, what is said in each row of the store `source`, and a flag of recognition.FLAGS.

    The sidecar of `source` tells its rate. options: those of recognition.settings. Raises InputError where they, the
    rate or the model are no use.
    """
    return listen(rows, source, out, weights, threads, options, WITHOUT_COPY)


def listen(rows, source: Path, out: Path, weights: Weights, threads: int, options: dict, remedy: str) -> tuple:
    """As `recognised`. remedy: for a row of which nothing is understood."""
    waves, rate = Ragged.open(source, len(rows)), sample_rate(source)
    settings = recognition.settings(options)
    heard = recognition.recognise(waves, weights=weights, rate=rate, threads=threads, **settings)
    said, flags = [text for text, _ in heard], [flag for _, flag in heard]
    texts.write(out, [row.utterance for row in rows], said, flag=flags)
    problems = [
        Problem(row.utterance, source.name, REASONS[flag], f"recognition: {flag}", remedy)
        for row, flag in zip(rows, flags, strict=True)
        if flag in REASONS
    ]
    counts = {flag or "ok": count for flag, count in sorted(Counter(flags).items())}
    missing = sum(not text for text in said)
    return problems, {"rows": len(rows), "missing": missing, "flags": counts, "settings": settings}
