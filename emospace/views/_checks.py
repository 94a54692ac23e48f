"""What is known before any job of options of recognisers. `entries` are those of `weights` in the config."""

from collections.abc import Mapping
from fnmatch import fnmatch

from emospace.core.errors import InputError
from emospace.speech import recognition


def check_recognised(*, weights: str, where: str, entries: Mapping[str, dict], **options) -> None:
    """Raise InputError for options that recognition does not take, or weights that are none of its engine."""
    engine = recognition.settings(options, where)["engine"]
    listed = entries[weights].get("files", {})
    for wanted in recognition.FILES[engine] if listed else ():
        if not any(fnmatch(file, wanted) or file.startswith(f"{wanted}/") for file in listed):
            reason = f"{weights!r} has no {wanted}, so it is no model for the engine {engine}"
            raise InputError(f"{where}: weights", reason, "name weights that are, or set `engine`")


def check_sound(kind: str, *, sample_rate: int = 0) -> None:
    """Raise InputError unless a view is sound of the recogniser's rate."""
    if kind != "audio":
        raise InputError("", f"it holds {kind}, no sound", "name a view of audio")
    if sample_rate != recognition.RATE:
        reason = f"it is {sample_rate} Hz, and speech is recognised at {recognition.RATE}"
        raise InputError("", reason, f"name a view of {recognition.RATE} Hz")
