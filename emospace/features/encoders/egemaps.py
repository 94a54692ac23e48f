"""eGeMAPS: 88 functionals of pitch, loudness, spectrum and voice quality (Eyben et al. 2016), by openSMILE, an extra.

openSMILE must not be used commercially; see _opensmile.py.
"""

from emospace.features.encoders import _opensmile

VIEWS = ("audio",)
HOLDS = "acoustic"
PACKAGES = ("opensmile",)
EXTRAS = _opensmile.EXTRAS


def load(*, level: _opensmile.Level = "functionals", rate: int) -> _opensmile.Smile:
    """eGeMAPS v02: int16 clips (T,) -> float32 (1, 88) functionals, or (frames of 10 ms, 25) low-level descriptors.

    rate: of the clips, Hz. Clips shorter than a few frames (about 0.1 s) are missing.
    """
    return _opensmile.Smile("eGeMAPSv02", level, rate, "egemaps")
