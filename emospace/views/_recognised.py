"""Recognise the speech in an audio view, one line per utterance."""

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

# Flag -> reason in the quality table. "no audio" is missing, because the audio view has reported those rows already.
REASONS = {"too short": "too short", "silent": "silent"}
REASONS |= {"empty result": "no transcript", "recogniser failed": "no transcript"}
LOST = "listen to the recording, or use models that accept rows without text"
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
    """Write the CSV `out`: the recognised text of each row of the store `source`, and a flag of recognition.FLAGS.

    The sidecar of `source` gives its sample rate. options: those of recognition.settings. Raises InputError for wrong
    options, an unsupported rate or an unusable model.
    """
    return listen(rows, source, out, weights, threads, options, WITHOUT_COPY)


def listen(rows, source: Path, out: Path, weights: Weights, threads: int, options: dict, remedy: str) -> tuple:
    """As `recognised`. remedy: of the problems with rows that give no text."""
    waves, rate = Ragged.open(source, len(rows)), sample_rate(source)
    settings = recognition.settings(options)
    results = recognition.recognise(waves, weights=weights, rate=rate, threads=threads, **settings)
    recognised, flags = [text for text, _ in results], [flag for _, flag in results]
    texts.write(out, [row.utterance for row in rows], recognised, flag=flags)
    problems = [
        Problem(row.utterance, source.name, REASONS[flag], f"recognition: {flag}", remedy)
        for row, flag in zip(rows, flags, strict=True)
        if flag in REASONS
    ]
    counts = {flag or "ok": count for flag, count in sorted(Counter(flags).items())}
    missing = sum(not text for text in recognised)
    return problems, {"rows": len(rows), "missing": missing, "flags": counts, "settings": settings}
