"""The rows of a split, kept on the device, of which batches are cut there."""

from collections.abc import Sequence

import numpy as np
import torch

from emospace.data import Rows
from emospace.store import Ragged

STEP = 32  # long batches are padded to a multiple of this, so that few shapes occur and kernels are reused
Batch = dict[str, tuple[torch.Tensor, torch.Tensor]]  # input -> padded values (B, T, D), lengths (B,)


class Resident:
    """All rows of a split on the device; batches are cut by row number, without the host."""

    def __init__(self, rows: Rows, device: torch.device, max_steps: int = 1024):
        self.size, self.device = len(rows), device
        self.parent = torch.from_numpy(rows.parent).to(device)
        self.label = torch.from_numpy(rows.label).to(device)
        self.gender = torch.from_numpy(rows.gender).to(device)
        self.vad = torch.from_numpy(rows.vad).to(device)
        self.inputs = {}
        for name, ragged in rows.inputs.items():
            if isinstance(ragged, Ragged) and ragged.values.ndim == 2:
                values = torch.from_numpy(np.array(ragged.values, np.float32)).to(device)
                starts = torch.from_numpy(ragged.offsets[:-1].copy()).to(device)
                lengths = torch.from_numpy(np.minimum(ragged.lengths, max_steps)).to(device)
                self.inputs[name] = values, starts, lengths

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
