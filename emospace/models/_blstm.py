"""Bidirectional LSTMs over sequences of different lengths, pooled by last step, [CLS], average or attention.

Padding changes no state of a row, no average and no attention: it follows the row in both directions, and poolings mask
it. The networks of `blstm` and `blstm_fusion` follow Aguilar et al. 2019 (arXiv 1906.10198) and the gated multimodal
unit of Arevalo et al. 2017.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from emospace.core.data import Output, Rows
from emospace.core.store import Ragged

CHUNK = 1 << 18  # steps at a time, for means over all steps


@dataclass(frozen=True)
class Batch:
    """Padded steps and number of steps of each input: (B, T, D) and int64 (B,), 0 for a missing row."""

    values: dict[str, torch.Tensor]
    lengths: dict[str, torch.Tensor]

    def to(self, device: str) -> "Batch":
        """The same batch on a device."""
        return Batch(*({name: part.to(device) for name, part in one.items()} for one in (self.values, self.lengths)))


class Sequences:
    """Steps of some inputs of all rows, indexed with row numbers; a batch is padded to its longest row."""

    def __init__(self, rows: Rows, names: Sequence[str]):
        stores = {name: rows.inputs[name] for name in names}
        self.values = {n: torch.from_numpy(np.require(s.values, np.float32, "W")) for n, s in stores.items()}
        self.first = {name: torch.from_numpy(store.offsets[:-1].copy()) for name, store in stores.items()}
        self.counts = {name: torch.from_numpy(store.lengths) for name, store in stores.items()}

    @property
    def lengths(self) -> torch.Tensor:
        """Steps of each row over all inputs, int64 (N,)."""
        return sum(self.counts.values())

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, numbers: torch.Tensor) -> Batch:
        lengths = {name: counts[numbers] for name, counts in self.counts.items()}
        return Batch({name: self._padded(name, numbers, lengths[name]) for name in lengths}, lengths)

    def _padded(self, name: str, numbers: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        steps, values = torch.arange(max(1, int(lengths.max()))), self.values[name]
        inside = steps < lengths[:, None]
        places = torch.where(inside, self.first[name][numbers][:, None] + steps, 0)
        if not len(values):  # no row has this input
            return values.new_zeros(*places.shape, values.shape[1])
        return values[places] * inside[..., None]


class Blstm(nn.Module):
    """LSTM of two directions over padded rows: (B, T, D) and the lengths (B,) -> states (B, T, 2 hidden).

    The states within each row are those of torch.nn.LSTM on packed sequences, whose gradients take ten times as long on
    a CPU. The backward direction reads each row in reverse, so its padding comes last as well.
    """

    def __init__(self, size: int, hidden: int, layers: int):
        super().__init__()
        sizes = [size, *[2 * hidden] * (layers - 1)]
        self.ahead = nn.ModuleList(nn.LSTM(one, hidden, batch_first=True) for one in sizes)
        self.back = nn.ModuleList(nn.LSTM(one, hidden, batch_first=True) for one in sizes)

    def forward(self, values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        steps = torch.arange(values.shape[1], device=values.device)
        mirrored = lengths[:, None] - 1 - steps
        mirrored = torch.where(mirrored >= 0, mirrored, steps)
        rows = torch.arange(len(values), device=values.device)[:, None]
        for ahead, back in zip(self.ahead, self.back, strict=True):
            values = torch.cat([ahead(values)[0], back(values[rows, mirrored])[0][rows, mirrored]], dim=2)
        return values


class Encoder(nn.Module):
    """Standardise the steps of one input, apply an LSTM of two directions, pool over time: (B, 2 hidden).

    A missing row has the vector zero.
    """

    def __init__(self, size: int, hidden: int, layers: int, pool: str, attention: int):
        super().__init__()
        self.pool = pool
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.width, self.rnn = 2 * hidden, Blstm(size, hidden, layers)
        if pool == "attention":
            self.key, self.query = nn.Linear(2 * hidden, attention), nn.Linear(attention, 1, bias=False)

    def fit_scale(self, values: np.ndarray) -> None:
        """Set mean and standard deviation to those of these steps (T, D)."""
        parts = [values[k : k + CHUNK].astype(np.float64) for k in range(0, len(values), CHUNK)]
        mean = sum(part.sum(0) for part in parts) / len(values)
        deviation = np.sqrt(sum(np.square(part - mean).sum(0) for part in parts) / len(values))
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(np.where(deviation > 1e-6, deviation, 1.0)))

    def forward(self, values: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Pooled vectors, and with attention its weights (B, T), zero beyond the last step."""
        filled = lengths.clamp(min=1)  # an empty row has one step, which is ignored below
        states = self.rnn((values - self.mean) / self.deviation, filled)
        vectors, weights = self._pooled(states, filled)
        known = (lengths > 0)[:, None]
        return vectors * known, None if weights is None else weights * known

    def _pooled(self, states: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.pool == "cls":
            return states[:, 0], None
        if self.pool == "last":
            return states[torch.arange(len(states), device=states.device), lengths - 1], None
        inside = torch.arange(states.shape[1], device=states.device) < lengths[:, None]
        if self.pool == "average":
            return (states * inside[..., None]).sum(1) / lengths[:, None], None
        scores = self.query(torch.tanh(self.key(states)))[..., 0].masked_fill(~inside, -torch.inf)
        weights = scores.softmax(1)
        return (weights[..., None] * states).sum(1), weights


class Unimodal(nn.Module):
    """One encoder and a linear layer: Batch -> logits (B, C), vectors (B, 2 hidden), attention by row."""

    def __init__(self, classes: int, name: str, encoder: Encoder):
        super().__init__()
        self.name, self.encoder = name, encoder
        self.out = nn.Linear(encoder.width, classes)

    def forward(self, batch: Batch) -> tuple:
        vectors, weights = self.encoder(batch.values[self.name], batch.lengths[self.name])
        details = {} if weights is None or self.training else {"attention": by_row(weights, batch.lengths[self.name])}
        return self.out(vectors), vectors, details


class Fusion(nn.Module):
    """Two encoders, fused by concatenation or by a gated multimodal unit: Batch -> logits, vectors (B, E), details."""

    def __init__(self, classes: int, names: Sequence[str], encoders: Sequence[Encoder], gated: int):
        """gated: size of the gated unit; 0 concatenates."""
        super().__init__()
        self.names, self.encoders = list(names), nn.ModuleList(encoders)
        sizes = [encoder.width for encoder in encoders]
        self.unit = Gate(*sizes, gated) if gated else None
        self.out = nn.Linear(gated or sum(sizes), classes)

    def forward(self, batch: Batch) -> tuple:
        pairs = [e(batch.values[n], batch.lengths[n]) for n, e in zip(self.names, self.encoders, strict=True)]
        vectors = [vector for vector, _ in pairs]
        if not self.unit:
            joint = torch.cat(vectors, dim=1)
            return self.out(joint), joint, {}
        joint, gate = self.unit(*vectors)
        if self.training:
            return self.out(joint), joint, {}
        details = {"gate": list(gate[:, None])}
        for (_, weights), name, kind in zip(pairs, self.names, ("acoustic", "lexical"), strict=True):
            details[f"{kind}_attention"] = by_row(weights, batch.lengths[name])
        return self.out(joint), joint, details


class Gate(nn.Module):
    """Gated multimodal unit: z tanh(A a) + (1 - z) tanh(L l), with z = sigmoid(Z [a, l]) per dimension."""

    def __init__(self, acoustic: int, lexical: int, size: int):
        super().__init__()
        self.acoustic, self.lexical = nn.Linear(acoustic, size), nn.Linear(lexical, size)
        self.gate = nn.Linear(acoustic + lexical, size)

    def forward(self, acoustic: torch.Tensor, lexical: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z = self.gate(torch.cat([acoustic, lexical], dim=1)).sigmoid()
        return z * self.acoustic(acoustic).tanh() + (1 - z) * self.lexical(lexical).tanh(), z


def by_row(weights: torch.Tensor, lengths: torch.Tensor) -> list[torch.Tensor]:
    """Weights (steps, 1) of each row, without padding."""
    return [row[:length, None] for row, length in zip(weights, lengths.tolist(), strict=True)]


def encoder_of(facts: dict) -> Encoder:
    """An encoder with the sizes and the pooling in the facts of a trained `blstm`."""
    return Encoder(*(facts[key] for key in ("size", "hidden", "layers", "pool", "attention")))


def completed(output: Output, widths: dict[str, int]) -> Output:
    """The output with the details of these widths, also if no row has an input."""
    count = len(output.probabilities)
    missing = {
        name: Ragged(np.empty((0, width), np.float32), np.zeros(count + 1, np.int64)) for name, width in widths.items()
    }
    return replace(output, extras=missing | output.extras)
