"""The rows of a split, kept on the device, of which batches are cut there."""

import functools
import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch

from emospace.core.data import Rows
from emospace.core.store import Ragged

STEP = 32  # long batches are padded to a multiple of this, so that few shapes occur and kernels are reused
Batch = dict[str, tuple[torch.Tensor, torch.Tensor]]  # input -> padded values (B, T, D), lengths (B,)


def contents(rows: Ragged, max_steps: int) -> np.ndarray:
    """Number of each row's content up to `max_steps`, int64 (N,): equal for equal bytes, and else not.

    Cheap for rows that differ: only those of one length and with the same step in the middle are read as a whole.
    """
    values = np.asarray(rows.values)
    found = [values[a : min(b, a + max_steps)] for a, b in zip(rows.offsets, rows.offsets[1:], strict=False)]
    keys = [(len(row), _digest(row[len(row) // 2 :][:1])) for row in found]
    often = Counter(keys)
    keys = [(*key, _digest(row)) if often[key] > 1 else key for key, row in zip(keys, found, strict=True)]
    numbers: dict[tuple, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def _digest(values: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(values), digest_size=16).digest()


class DeviceRows:
    """All rows of a split on the device; batches are cut by row number, without the host."""

    def __init__(self, rows: Rows, device: torch.device, max_steps: int = 1024):
        self.size, self.device, self.max_steps = len(rows), device, max_steps
        self.parent = torch.from_numpy(rows.parent).to(device)
        self.label = torch.from_numpy(rows.label).to(device)
        self.gender = torch.from_numpy(rows.gender).to(device)
        self.vad = torch.from_numpy(rows.vad).to(device)
        usable = {n: i for n, i in rows.inputs.items() if isinstance(i, Ragged) and i.values.ndim == 2}
        self.stores, self.inputs = usable, {}
        for name, ragged in usable.items():
            values = torch.from_numpy(np.array(ragged.values, np.float32)).to(device)
            starts = torch.from_numpy(ragged.offsets[:-1].copy()).to(device)
            lengths = torch.from_numpy(np.minimum(ragged.lengths, max_steps)).to(device)
            self.inputs[name] = values, starts, lengths

    @functools.cached_property
    def contents(self) -> dict[str, torch.Tensor]:
        """Input -> number of each row's content (N,); only what learns asks for it."""
        found = {name: contents(ragged, self.max_steps) for name, ragged in self.stores.items()}
        return {name: torch.from_numpy(numbers).to(self.device) for name, numbers in found.items()}

    def batch(self, rows: torch.Tensor, names: Sequence[str]) -> Batch:
        """Padded batch of these rows. Padding is zero; lengths say where it begins."""
        return {name: self._cut(name, rows.to(self.device)) for name in names}

    def _cut(self, name: str, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values, starts, lengths = self.inputs[name]
        length = lengths[rows]
        steps = torch.arange(padded(max(1, int(length.max()))), device=self.device)
        inside = steps < length[:, None]
        place = torch.where(inside, starts[rows, None] + steps, 0)
        found = values[place] if len(values) else values.new_zeros(*place.shape, values.shape[1])
        return found.mul_(inside[..., None]), length  # in place: `found` is a copy


def padded(longest: int) -> int:
    """Steps of a batch whose longest row has `longest`: a power of two below STEP, a multiple of STEP from there on."""
    return 1 << (longest - 1).bit_length() if longest < STEP else -(-longest // STEP) * STEP
