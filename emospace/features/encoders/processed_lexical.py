"""Embeddings of words by utterance, from the processed file of multi-level attention (_processed.py in corpora)."""

from emospace.core.option_types import File
from emospace.features.encoders import _processed

VIEWS = ("ids",)
HOLDS = "words"
PACKAGES = ("numpy",)


def load(*, file: File) -> _processed.Processed:
    """Encoder of utterances -> float32 (1 + words, D). file: processed.npz. Raises InputError for a damaged file."""
    return _processed.load(file, "lexical")
