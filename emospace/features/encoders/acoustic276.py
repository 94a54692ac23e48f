"""276 acoustic statistics per utterance: the eight of Sahu 2019, and time averages of common spectral features.

In order: the eight features of `acoustic8`, the zero-crossing rate, the mean, standard deviation and maximum of 40
MFCC, and the means of 12 chroma, of 128 mel bands and of 7 spectral contrasts. Published at 16 kHz.
"""

from collections.abc import Sequence

import numpy as np

from emospace.core.errors import InputError

VIEWS = ("audio",)
HOLDS = "statistics"
PACKAGES = ("numpy", "scipy", "librosa")
LEAST = 12_801  # Hz: the highest spectral contrast begins at 6400 Hz, which must be below half of the rate


def load(*, rate: int) -> "Acoustic276":
    """Encoder of clips int16 (T,) -> float32 (1, 276). rate: of the clips, Hz. Raises InputError if it is too low."""
    if rate < LEAST:
        raise InputError("encoder acoustic276", f"the view has {rate} Hz", "give it a view of at least 16000 Hz")
    return Acoustic276(rate)


class Acoustic276:
    """Compute the statistics clip by clip; see `load`."""

    batch = 64

    def __init__(self, rate: int):
        from emospace.features.encoders._eight import NAMES, eight
        from emospace.features.encoders._spectral import Spectral

        self.eight, self.spectral = eight, Spectral(rate)
        self.facts = {"names": [*NAMES, *self.spectral.names], "transform": f"librosa, {rate} Hz"}

    def __call__(self, items: Sequence[np.ndarray], utterances: Sequence[str]) -> list[np.ndarray]:
        """Statistics float32 (1, 276) of each clip, in order. Full scale of int16 is 1, as in soundfile."""
        return [self._one(np.asarray(clip, np.float64) / 32768)[None].astype(np.float32) for clip in items]

    def _one(self, signal: np.ndarray) -> np.ndarray:
        return np.concatenate([self.eight(signal), self.spectral(signal)])
