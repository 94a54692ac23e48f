"""What is known before any job of options that views have in common: of recognisers, and of chains of translators.

`entries` are those of `weights` in the config.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from itertools import pairwise

from emospace import recognition
from emospace.errors import InputError
from emospace.pairs import languages


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


def check_translated(*, chain: Sequence[str], where: str, entries: Mapping[str, dict], warnings: list, **_) -> None:
    """Raise InputError where translators do not join; a chain that ends in another language goes to `warnings`."""
    links = [(name, *languages(entries[name])) for name in chain]
    for (first, _, target), (second, source, _) in pairwise(links):
        if target and source and target != source:
            reason = f"{second} translates from {source!r}, but {first} before it into {target!r}"
            raise InputError(f"{where}: chain", reason, "name translators that join, in order")
    first, last = (links[0][1], links[-1][2]) if links else ("", "")
    if first and last and first != last:
        # Not refused: with a sentence encoder, or a voice and a recogniser, that know it, such copies are of use.
        reason = (
            f"it begins with {first!r} and ends with {last!r}, so copies are in another language than their parents"
        )
        remedy = (
            f"add a translator to {first!r}, or see that whatever says, hears, encodes or judges them knows {last!r}"
        )
        warnings.append(str(InputError(f"{where}: chain", reason, remedy)))


def check_augment(*, chain: Sequence[str], where: str, entries: Mapping[str, dict], warnings: list, **_) -> None:
    """As `check_translated`, and there must be a chain."""
    if not chain:
        raise InputError(f"{where}: chain", "it names no translator", "name at least two")
    check_translated(chain=chain, where=where, entries=entries, warnings=warnings)
