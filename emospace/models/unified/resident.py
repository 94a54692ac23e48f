"""Rows of a split held on the device, where batches are assembled without host transfers."""

import contextlib
import functools
import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch

from emospace.core.data import Rows
from emospace.core.store import Ragged
from emospace.models.unified.statistics import statistics

STEP = 32  # long batches are padded to a multiple of this: few distinct shapes, so kernels are reused
Batch = dict[str, tuple[torch.Tensor, torch.Tensor]]  # input -> padded values (B, T, D), lengths (B,)


def contents(rows: Ragged, max_steps: int) -> np.ndarray:
    """Content number of each row up to `max_steps`, int64 (N,): equal if and only if the bytes are equal.

    Only rows of equal length with an identical middle step are hashed in full.
    """
    values = np.asarray(rows.values)
    cut = [values[a : min(b, a + max_steps)] for a, b in zip(rows.offsets, rows.offsets[1:], strict=False)]
    keys = [(len(row), _digest(row[len(row) // 2 :][:1])) for row in cut]
    counts = Counter(keys)
    keys = [(*key, _digest(row)) if counts[key] > 1 else key for key, row in zip(keys, cut, strict=True)]
    numbers: dict[tuple, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def _digest(values: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(values), digest_size=16).digest()


class DeviceRows:
    """All rows of a split on the device. Omits inputs that are not features (T, D), truncates to `max_steps`."""

    def __init__(self, rows: Rows, device: torch.device, max_steps: int = 1024):
        self.size, self.device, self.max_steps = len(rows), device, max_steps
        self.host_parent, self.host_label = torch.from_numpy(rows.parent), torch.from_numpy(rows.label)
        self.host_gender = torch.from_numpy(rows.gender)
        self.parent = self.host_parent.to(device)
        self.label = torch.from_numpy(rows.label).to(device)
        self.gender = torch.from_numpy(rows.gender).to(device)
        self.vad = torch.from_numpy(rows.vad).to(device)
        self.stores = {n: r for n, r in rows.inputs.items() if isinstance(r, Ragged) and r.values.ndim == 2}
        self.inputs, self.host_lengths = {}, {}
        self._statistics: dict[tuple[str, int], torch.Tensor] = {}
        for name, ragged in self.stores.items():
            values = torch.from_numpy(np.array(ragged.values, np.float32)).to(device)
            starts = torch.from_numpy(ragged.offsets[:-1].copy()).to(device)
            self.host_lengths[name] = torch.from_numpy(np.minimum(ragged.lengths, max_steps))
            self.inputs[name] = values, starts, self.host_lengths[name].to(device)

    @functools.cached_property
    def contents(self) -> dict[str, torch.Tensor]:
        """Input -> content number of each row (N,), see `contents`; computed on first use, which only training has."""
        numbered = {name: contents(ragged, self.max_steps) for name, ragged in self.stores.items()}
        return {name: torch.from_numpy(numbers).to(self.device) for name, numbers in numbered.items()}

    def statistics(self, name: str, count: int) -> torch.Tensor:
        """The first `count` statistics of an input, (N, count, D), see `statistics.statistics`; computed once."""
        if (name, count) not in self._statistics:
            table = statistics(self.stores[name], count, self.max_steps)
            self._statistics[name, count] = torch.from_numpy(table).to(self.device)
        return self._statistics[name, count]

    def batch(self, rows: torch.Tensor, names: Sequence[str]) -> Batch:
        """Zero-padded batch of these rows, with their lengths. rows: on the CPU, where the longest is looked up."""
        on_device = rows.to(self.device, non_blocking=True)
        longest = {name: max(1, int(self.host_lengths[name][rows].max())) for name in names}
        return {name: self._cut(name, on_device, padded(longest[name])) for name in names}

    def _cut(self, name: str, rows: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        values, starts, lengths = self.inputs[name]
        length = lengths[rows]
        steps = torch.arange(size, device=self.device)
        inside = steps < length[:, None]
        index = torch.where(inside, starts[rows, None] + steps, 0)
        batch = values[index] if len(values) else values.new_zeros(*index.shape, values.shape[1])
        return batch.mul_(inside[..., None]), length  # in place: `batch` is a copy


def autocast(device: torch.device):
    """Context of a forward pass: bfloat16 where a GPU computes, else the precision of the parameters."""
    return torch.autocast(device.type, torch.bfloat16) if device.type == "cuda" else contextlib.nullcontext()


def precise(device: torch.device):
    """Context without autocast: bfloat16 has too few digits for differences of sums and for running means."""
    available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if available else contextlib.nullcontext()


def padded(longest: int) -> int:
    """Padded length of a batch whose longest row has `longest` steps: a power of two, from STEP on a multiple of it."""
    return 1 << (longest - 1).bit_length() if longest < STEP else -(-longest // STEP) * STEP
