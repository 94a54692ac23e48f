"""Low-level descriptors of speech: 65 values per frame, of the kinds in openSMILE's ComParE set, without openSMILE.

They are not ComParE's values: `compare` with `level: lld` computes those, but openSMILE has a restrictive licence. Here
are 2 of energy, 26 mel bands, 14 MFCC, 20 of spectral shape and 3 of voicing. Shape and contrast follow librosa 0.11.
"""

from collections.abc import Sequence

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Positive

VIEWS = ("audio",)
HOLDS = "acoustic"
PACKAGES = ("numpy", "scipy", "librosa")


def load(*, frame: Positive = 0.06, step: Positive = 0.01, rate: int) -> "Descriptors":
    """Encoder of clips int16 (T,) -> float32 (frames, 65). A clip shorter than a frame is missing.

    frame, step: seconds, by default those of ComParE. Frames begin at the first sample, without padding. rate: of the
    clips, Hz. Raises InputError for frames that are shorter than two periods of the lowest pitch or than a step.
    """
    check_load(frame=frame, step=step)
    return Descriptors(frame, step, rate)


def check_load(*, frame: float, step: float) -> None:
    """Raise InputError for frames that are too short."""
    from emospace.features.encoders._descriptors import LOWEST

    if frame < max(step, 2 / LOWEST):
        reason = f"a frame of {frame:g} s is shorter than a step ({step:g} s) or two periods of {LOWEST:g} Hz"
        raise InputError("encoder descriptors", reason, "lengthen the frames")


class Descriptors:
    """Compute the descriptors clip by clip, all frames at once; see `load`."""

    batch = 64

    def __init__(self, frame: float, step: float, rate: int):
        from emospace.features.encoders._descriptors import NAMES, Frames

        self.frames = Frames(round(frame * rate), round(step * rate), rate)
        self.facts = {"names": list(NAMES), "frame": frame, "step": step, "rate": rate}

    def __call__(self, items: Sequence[np.ndarray], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (frames, 65) of each clip, in order. Full scale of int16 is 1, as in soundfile."""
        return [self.frames(np.asarray(clip, np.float32) / 32768) for clip in items]
