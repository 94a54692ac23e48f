"""Batching for encoders: group by length, prepare the next batch in the background, choose device and precision."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

from emospace.core.errors import InputError
from emospace.core.option_types import Precision

PRECISIONS = get_args(Precision)


def by_length(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Return indices in batches of at most `size`, longest first, with similar lengths so that padding stays small."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    return [order[i : i + size] for i in range(0, len(order), size)]


def ahead(make: Callable, items: Iterable) -> Iterator:
    """Yield `make(item)` for each item, computing the next result in a thread while the caller uses the current one."""
    with ThreadPoolExecutor(1) as pool:
        pending = None
        for item in items:
            ready, pending = pending, pool.submit(make, item)
            if ready is not None:
                yield ready.result()
        if pending is not None:
            yield pending.result()


def device():
    """Return the torch device to compute on: a GPU if there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision(option: str, device) -> str:
    """Return the number format to compute in; "auto" is bf16 if the hardware has fast bf16 multiplication, else fp32.

    Raises InputError if `option` is not one of PRECISIONS.
    """
    import torch

    if option not in PRECISIONS:
        raise InputError(
            "option precision", f"{option!r} is not a number format", f"use one of {', '.join(PRECISIONS)}"
        )
    if option != "auto":
        return option
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    # A CPU that cannot multiply bf16 (by AMX or AVX-512) is several times slower in it; torch has no public check.
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return "bf16" if any(getattr(torch.cpu, check, lambda: False)() for check in checks) else "fp32"


def cpu_takes_bf16() -> bool:
    """Can this CPU compute an LSTM in bf16 at all? oneDNN needs AVX-512 for it; torch has no public check."""
    import torch

    return torch.ops.mkldnn._is_mkldnn_bf16_supported()
