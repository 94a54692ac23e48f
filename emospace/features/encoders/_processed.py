"""Look up the features of a processed file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emospace.core.store import Ragged
from emospace.corpora import _processed


def load(file: str, side: str) -> "Processed":
    """side: acoustic or lexical. Raises InputError for a damaged file."""
    path = Path(file)
    arrays = _processed.read(path, "utterance", "names", side, f"{side}_offsets")
    utterances = arrays["utterance"].tolist()
    store = _processed.by_row(path, arrays, side, f"{side}_offsets", len(utterances))
    return Processed(utterances, store, arrays["names"].tolist() if side == "acoustic" else [])


class Processed:
    """A function from utterances to their features; an utterance that the file lacks is missing."""

    batch = 256

    def __init__(self, utterances: Sequence[str], store: Ragged, names: Sequence[str]):
        self.place, self.store = {name: k for k, name in enumerate(utterances)}, store
        self.facts = {"utterances": len(utterances)} | ({"names": list(names)} if names else {})

    def __call__(self, items: Sequence[str], utterances: Sequence[str]) -> list[np.ndarray]:
        """Features float32 (T, D) of each utterance, in order."""
        nothing = self.store.values[:0]
        return [self.store[self.place[name]] if name in self.place else nothing for name in utterances]
