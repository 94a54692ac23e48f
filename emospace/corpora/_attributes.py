"""The attributes of a corpus: those of its reader, or the values that replace them (`Corpus.about`)."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

NAMES = ("codes", "licence", "public", "citation", "note")


def attributes(reader: ModuleType, replaced: Mapping[str, Any]) -> dict[str, Any]:
    """Return `codes`, `licence`, `public`, `citation` and `note` of a corpus. replaced: values of `about`."""
    return {name: getattr(reader, name.upper()) for name in NAMES} | replaced
