"""Let a voice say the texts of a step, as their speakers said theirs: int16 samples of 16 kHz in a store."""

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
    """Write the store `out`, what is to be `spoken` in the manner of the store `parent`.

    recognised: what the parents say. options: those of synthesis.synthesise. Raises InputError where the engine, a
    voice or the rate of the parents is no use.
    """
    rate = sample_rate(parent)
    if rate != synthesis.RATE:
        reason = f"it has {rate} Hz, synthetic speech {synthesis.RATE}"
        raise InputError(parent, reason, f"set views: audio: sample_rate to {synthesis.RATE}")
    heard, said = (texts.read_made(path) for path in (recognised, spoken))
    return synthesis.synthesise(rows, Ragged.open(parent, len(rows)), heard, said, out, threads=threads, **options)
