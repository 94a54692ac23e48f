"""ComParE 2016: 6373 functionals of the paralinguistics challenge (Schuller et al. 2016), by openSMILE, an extra.

openSMILE must not be used commercially; see _opensmile.py.
"""

from emospace.features.encoders import _opensmile

VIEWS = ("audio",)
HOLDS = "acoustic"
PACKAGES = ("opensmile",)
EXTRAS = _opensmile.EXTRAS


def load(*, level: _opensmile.Level = "functionals", rate: int) -> _opensmile.Smile:
    """ComParE 2016: int16 clips (T,) -> float32 (1, 6373) functionals, or (frames of 10 ms, 65) low-level descriptors.

    rate: of the clips, Hz. Clips shorter than a few frames (about 0.1 s) are missing.
    """
    return _opensmile.Smile("ComParE_2016", level, rate, "compare")
