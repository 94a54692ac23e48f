"""Eight acoustic features per utterance: amplitude, RMS, silence, harmonic part, autocorrelation (Sahu 2019).

Published at 44.1 kHz: `views: audio_44k: {view: audio, sample_rate: 44100}`, `features: audio_44k.acoustic8: {}`.
"""

from collections.abc import Sequence

import numpy as np

VIEWS = ("audio",)
HOLDS = "statistics"
PACKAGES = ("numpy", "scipy")


def load(*, rate: int) -> "Acoustic8":
    """Encoder of clips int16 (T,) -> float32 (1, 8). rate: of the clips, Hz; the features have no other parameter."""
    return Acoustic8(rate)


class Acoustic8:
    """Compute the features clip by clip; see `load`."""

    batch = 64

    def __init__(self, rate: int):
        from emospace.features.encoders._eight import NAMES, eight

        self.one = eight
        self.facts = {"names": list(NAMES), "transform": f"librosa, {rate} Hz"}

    def __call__(self, items: Sequence[np.ndarray], utterances: Sequence[str]) -> list[np.ndarray]:
        """Features float32 (1, 8) of each clip, in order. Full scale of int16 is 1, as in soundfile."""
        return [self.one(np.asarray(clip, np.float64) / 32768)[None].astype(np.float32) for clip in items]
