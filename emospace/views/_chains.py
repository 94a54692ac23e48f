"""Check the options of translations when planned. `entries` are those of `weights` in the config."""

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
    """Raise InputError for unknown options, and for translators whose languages do not match.

    For a chain that ends in another language than it starts with, append to `warnings`.
    """
    plugin.settings([augment, Settings], {"chain": chain, **options}, where, beside=beside)
    links = [(name, *languages(entries[name])) for name in chain]
    for (first, _, target), (second, source, _) in pairwise(links):
        if target and source and target != source:
            reason = f"{second} translates from {source!r}, but {first} before it into {target!r}"
            raise InputError(f"{where}: chain", reason, "name translators whose languages match, in order")
    first, last = (links[0][1], links[-1][2]) if links else ("", "")
    if first and last and first != last:
        # Allowed: such copies are useful with a multilingual encoder, or with a voice and a recogniser for `last`.
        reason = f"it translates from {first!r} to {last!r}, so copies are in another language than their parents"
        remedy = f"add a translator to {first!r}, or check that the voice, recogniser and encoder support {last!r}"
        warnings.append(str(InputError(f"{where}: chain", reason, remedy)))


def check_augment(
    *, chain: Sequence[str], where: str, entries: Mapping[str, dict], warnings: list, beside: Sequence[str], **options
) -> None:
    """As `check_translated`; also raise InputError for an empty chain."""
    known = {"where": where, "entries": entries, "warnings": warnings, "beside": beside}
    check_translated(chain=chain, **known, **options)
    if not chain:
        raise InputError(f"{where}: chain", "it names no translator", "name at least two")
