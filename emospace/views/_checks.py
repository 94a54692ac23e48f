"""Check the options of recognisers when planned. `entries` are those of `weights` in the config."""

from collections.abc import Mapping
from fnmatch import fnmatch

from emospace.core.errors import InputError
from emospace.speech import recognition


def check_recognised(*, weights: str, where: str, entries: Mapping[str, dict], **options) -> None:
    """Raise InputError for unknown options, or for weights that do not suit the engine."""
    engine = recognition.settings(options, where)["engine"]
    listed = entries[weights].get("files", {})
    for needed in recognition.FILES[engine] if listed else ():
        if not any(fnmatch(file, needed) or file.startswith(f"{needed}/") for file in listed):
            reason = f"{weights!r} has no {needed}, which the engine {engine} needs"
            raise InputError(f"{where}: weights", reason, "name other weights, or set `engine`")


def check_recognition(
    used: bool, what: str, audio: str, weights: str, options: dict, where: str, entries: Mapping[str, dict]
) -> None:
    """Raise InputError unless a view has the options of recognition if it recognises anything, and only then.

    what: the items that it recognises. options: its option `recognise`.
    """
    if used:
        for option, value in {"audio": audio, "weights": weights}.items():
            if not value:
                raise InputError(where, f"{what} need the option {option!r}", "add it")
        check_recognised(weights=weights, where=f"{where}: recognise", entries=entries, **options)
    elif audio or weights or options:
        reason = "audio, weights and recognise have no effect with this `source`"
        raise InputError(where, reason, "set `source: recognised`, or leave them out")


def check_sound(kind: str, *, sample_rate: int = 0) -> None:
    """Raise InputError unless a view is audio at the recogniser's sample rate."""
    if kind != "audio":
        raise InputError("", f"it contains {kind}, not audio", "name a view of audio")
    if sample_rate != recognition.RATE:
        reason = f"its sample rate is {sample_rate} Hz, but recognisers need {recognition.RATE} Hz"
        raise InputError("", reason, f"name a view of {recognition.RATE} Hz")
