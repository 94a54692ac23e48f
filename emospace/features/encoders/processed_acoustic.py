"""Acoustic frames by utterance, from the processed file of multi-level attention (emospace/corpora/processed.py)."""

from emospace.core.option_types import File
from emospace.features.encoders import _processed

VIEWS = ("ids",)
HOLDS = "acoustic"
PACKAGES = ("numpy",)


def load(*, file: File) -> _processed.Processed:
    """Encoder of utterances -> float32 (frames, D). file: processed.npz. Raises InputError for a damaged file."""
    return _processed.load(file, "acoustic")
