"""Acoustic feature sets of openSMILE (Eyben et al. 2010), by the package opensmile (requirements-noncommercial.txt).

Licence: openSMILE may be used for private, research and educational purposes only. It is not open source in the sense
of the OSI, and any commercial product needs a licence of audEERING. Planning says so.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from emospace.core import extras
from emospace.core.errors import InputError

EXTRAS = {"opensmile": "audEERING Research License: no commercial use; not an open-source licence"}
Level = Literal["functionals", "lld"]


class Smile:
    """Extract one feature set. A clip that is too short for a frame of the set is missing."""

    batch = 64

    def __init__(self, feature_set: str, level: Level, rate: int, encoder: str):
        extras.require("opensmile", f"encoder {encoder}")
        import opensmile

        try:
            self.smile = opensmile.Smile(feature_set=feature_set, feature_level=_level(opensmile, level))
        except (RuntimeError, ValueError) as error:
            raise InputError(f"encoder {encoder}", f"openSMILE cannot start ({error})", "install it again") from error
        self.rate, self.width = rate, self.smile.num_features
        self.facts = {"feature_set": feature_set, "level": level}

    def __call__(self, items: Sequence[np.ndarray], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (1 or frames, D) of each int16 clip, in order."""
        return [self._features(np.asarray(clip, np.float32) / 32768) for clip in items]

    def _features(self, signal: np.ndarray) -> np.ndarray:
        import warnings

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Segment too short")
            values = self.smile(signal, self.rate)[0].T  # (1, D, T) before
        return np.empty((0, self.width), np.float32) if np.isnan(values).all() else values.astype(np.float32)


def _level(opensmile, level: Level):
    levels = opensmile.FeatureLevel
    return levels.Functionals if level == "functionals" else levels.LowLevelDescriptors
