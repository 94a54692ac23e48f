"""Synthesise the texts of a step in the manner of the original recordings: a store of int16 samples at 16 kHz."""

from collections.abc import Sequence
from pathlib import Path

from emospace.core import texts
from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance
from emospace.core.sidecars import sample_rate
from emospace.core.store import Ragged
from emospace.speech import synthesis

PACKAGES = ("pyttsx3", "librosa", "soxr", "soundfile", "numpy")


def augment(
    rows: Sequence[Utterance],
    parent: Path,
    out: Path,
    *,
    recognised: Path,
    spoken: Path,
    threads: int = 1,
    **options,
) -> tuple[list[Problem], dict]:
    """Write the store `out`: the texts in `spoken`, synthesised in the manner of the recordings in the store `parent`.

    recognised: texts of the parents. options: those of synthesis.synthesise. Raises InputError for an unusable engine
    or voice, or a wrong sample rate of the parents.
    """
    rate = sample_rate(parent)
    if rate != synthesis.RATE:
        reason = f"its sample rate is {rate} Hz, that of synthetic speech {synthesis.RATE} Hz"
        raise InputError(parent, reason, f"set views: audio: sample_rate to {synthesis.RATE}")
    originals, to_say = (texts.read_made(path) for path in (recognised, spoken))
    parents = Ragged.open(parent, len(rows))
    return synthesis.synthesise(rows, parents, originals, to_say, out, threads=threads, **options)
