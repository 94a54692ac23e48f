"""Numbers of the layers whose states an encoder gives: 0 is the input of the first layer, -1 the last layer."""

from collections.abc import Sequence

from emospace.core.errors import InputError

LAST = (-1,)


def resolved(layers: Sequence[int], count: int, encoder: str, first: int = 0) -> list[int]:
    """Return the numbers of these layers of a network, from `first` to `count`, its last. Raises InputError."""
    numbers = [n + count + 1 if n < 0 else n for n in layers]
    if invalid := [n for n, layer in zip(layers, numbers, strict=True) if not first <= layer <= count]:
        reason = f"there is no layer {invalid[0]}"
        raise InputError(f"encoder {encoder}: option layers", reason, f"use {first} to {count}, or -1 for the last")
    return numbers
