"""The audio_tts view: another voice. Speech is recognised, translated and synthesised; the gate recognises the result.

Each step is a separate job with its own code, so that a change of the voice does not repeat recognition.
"""

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.steps import Step
from emospace.speech import recognition, synthesis
from emospace.views import _recognised, _translated
from emospace.views._chains import check_translated
from emospace.views._checks import check_recognised
from emospace.views._gate_audio_tts import COLUMNS, score
from emospace.views._spoken import PACKAGES, augment

PARENT = "audio"
SIDES = ("Recording", "Synthetic voice")
BLOCK = "synthesise"
_LISTEN = {"block": "recognise", "packages": _recognised.PACKAGES}
STEPS = {
    "recognised": Step(_recognised.recognised, **_LISTEN),
    "spoken": Step(_translated.augment, "recognised", "translate", packages=_translated.PACKAGES, gpu=True),
    "heard": Step(_recognised.recognised, "child", for_limit="max_word_errors", **_LISTEN),
}
WORDS = ("recognised", "spoken")
check_spoken = check_translated

__all__ = ["COLUMNS", "PACKAGES", "augment", "check_recognised", "score"]


def check_augment(*, where: str, **options) -> None:
    """Raise InputError for options that synthesis does not take."""
    plugin.settings([synthesis.synthesise], options, where)


def check_source(kind: str, *, sample_rate: int = recognition.RATE) -> None:
    """Raise InputError unless the parent has the sample rate of recognition and synthesis."""
    if sample_rate != recognition.RATE:
        reason = f"it is {sample_rate} Hz, but audio_tts needs {recognition.RATE} Hz"
        raise InputError("sample_rate", reason, "leave it out; define a view of another name for another rate")
