"""What is known before any job of the options of a translation. `entries` are those of `weights` in the config."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.speech.translation import Settings
from emospace.views._translated import augment
from emospace.weights.toy_translator import languages


def check_translated(
    *,
    chain: Sequence[str],
    where: str,
    entries: Mapping[str, dict],
    warnings: list,
    beside: Sequence[str],
    **options,
) -> None:
    """Raise InputError for options that a translation does not take, and where translators do not join.

    A chain that ends in another language goes to `warnings`.
    """
    plugin.settings([augment, Settings], {"chain": chain, **options}, where, beside=beside)
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


def check_augment(
    *, chain: Sequence[str], where: str, entries: Mapping[str, dict], warnings: list, beside: Sequence[str], **options
) -> None:
    """As `check_translated`, and there must be a chain."""
    known = {"where": where, "entries": entries, "warnings": warnings, "beside": beside}
    check_translated(chain=chain, **known, **options)
    if not chain:
        raise InputError(f"{where}: chain", "it names no translator", "name at least two")
