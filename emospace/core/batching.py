"""What encoders share: batches of like length, the next batch made while the model works, device and number format."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

from emospace.core.errors import InputError
from emospace.core.option_types import Precision

PRECISIONS = get_args(Precision)


def by_length(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Indices in batches of at most `size`, of similar length so that little is padded, longest first."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    return [order[i : i + size] for i in range(0, len(order), size)]


def ahead(make: Callable, items: Iterable) -> Iterator:
    """`map(make, items)`, each result made in another thread while the caller works on the one before."""
    with ThreadPoolExecutor(1) as pool:
        coming = None
        for item in items:
            last, coming = coming, pool.submit(make, item)
            if last is not None:
                yield last.result()
        if coming is not None:
            yield coming.result()


def device():
    """The torch device to compute on: a GPU if there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision(wanted: str, device) -> str:
    """The number format to compute in; "auto" is bf16 where the hardware multiplies it fast, else fp32.

    Raises InputError for a word that is none of PRECISIONS.
    """
    import torch

    if wanted not in PRECISIONS:
        raise InputError(
            "option precision", f"{wanted!r} is not a number format", f"use one of {', '.join(PRECISIONS)}"
        )
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    # Without matrix units for it (Intel AMX) a CPU is several times slower in bf16; torch offers no public test.
    fast = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    return "bf16" if fast else "fp32"
