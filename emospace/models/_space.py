"""The networks of the unified space, and data that stay on the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from emospace.data import Rows
from emospace.store import Ragged

STEP = 32  # lengths are rounded up to a multiple of this, so that few shapes occur and kernels are reused
MAX_SCALE = 100.0  # of similarities, i.e. 1 / temperature, as in CLIP
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
        longest = max(1, int(length.max()))
        steps = torch.arange(longest if longest == 1 else -(-longest // STEP) * STEP, device=self.device)
        inside = steps < length[:, None]
        place = torch.where(inside, starts[rows, None] + steps, 0)
        found = values[place] if len(values) else values.new_zeros(*place.shape, values.shape[1])
        return found * inside[..., None], length


def inside_of(values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """Mask of real steps, (B, T)."""
    return torch.arange(values.shape[1], device=values.device) < length[:, None]


class RealSteps(nn.BatchNorm1d):
    """Batch normalisation whose statistics see real steps only: (B, T, C) with a mask (B, T)."""

    def forward(self, values: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        out = torch.zeros_like(values)
        out[inside] = super().forward(values[inside]).to(out.dtype)
        return out


class Convolution(nn.Module):
    """Convolution over time, normalisation, GELU, dropout; padding is zeroed before it can be read."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float):
        super().__init__()
        self.stride = stride
        self.convolve = nn.Conv1d(inputs, outputs, 5, stride=stride, padding=2)
        self.normalise = RealSteps(outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: torch.Tensor, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.convolve(values.transpose(1, 2)).transpose(1, 2)
        length = (length + self.stride - 1) // self.stride
        inside = inside_of(found, length)
        found = self.dropout(F.gelu(self.normalise(found, inside)))
        return found * inside[..., None], length


class AttentionPooling(nn.Module):
    """Weighted mean and deviation over real steps (attentive statistics pooling, Okabe et al. 2018)."""

    def __init__(self, width: int):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        inside = inside_of(values, length.clamp(min=1))[..., None]
        weight = self.score(values).float().masked_fill(~inside, -torch.inf).softmax(1)
        mean = (weight * values).sum(1)
        spread = (weight * (values - mean[:, None]).square()).sum(1).clamp(min=1e-5).sqrt()
        return torch.cat([mean, spread], 1)


class SequenceEncoder(nn.Module):
    """Modality -> (B, E). Long inputs pass convolutions and a GRU; short ones (pictures, a sentence) a linear layer."""

    def __init__(self, inputs: int, long: bool, width: int, embedding: int, recurrent: int, dropout: float):
        super().__init__()
        self.long = long
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        strides = (1, 2, 2) if long else ()
        sizes = [3 * inputs, *[width] * len(strides)]
        pairs = zip(sizes[:-1], sizes[1:], strides, strict=True)
        self.convolutions = nn.ModuleList([Convolution(i, o, s, dropout) for i, o, s in pairs])
        self.recurrent = nn.GRU(width, recurrent, batch_first=True, bidirectional=True) if long and recurrent else None
        self.enter = None if long else nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Dropout(dropout))
        pooled = 2 * recurrent if self.recurrent else width
        self.pool = AttentionPooling(pooled)
        self.leave = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * pooled, embedding))

    def standardise(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Zero mean and unit deviation over the train rows; padding stays zero."""
        return (values - self.mean) / self.scale * inside_of(values, length)[..., None]

    def forward(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """values are standardised."""
        if not self.long:
            return self.leave(self.pool(self.enter(values), length))
        found = self._channels(values, length)
        for convolution in self.convolutions:
            found, length = convolution(found, length)
        if self.recurrent:
            found = self._recur(found, length)
        return self.leave(self.pool(found, length))

    def _channels(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """The values, the values less their own mean over the utterance (the voice), and their slope: (B, T, 3 D)."""
        inside = inside_of(values, length)[..., None]
        own = values - values.sum(1, keepdim=True) / length.clamp(min=1)[:, None, None]
        # Before the first and after the last step there is zero, whether the batch goes on or not.
        slope = F.pad(values, (0, 0, 0, 1))[:, 1:] - F.pad(values, (0, 0, 1, 0))[:, :-1]
        return torch.cat([values, own, slope], -1) * inside

    def _recur(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        # Packed, so that the backward direction starts at the last real step; a missing row counts as one zero step.
        steps = length.clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(values, steps, batch_first=True, enforce_sorted=False)
        found, _ = self.recurrent(packed)
        return nn.utils.rnn.pad_packed_sequence(found, True, total_length=values.shape[1])[0]


@dataclass
class Output:
    """Of B rows: logits and reconstructions, unit embeddings per input and fused, and which inputs were used."""

    emotion: torch.Tensor
    gender: torch.Tensor
    vad: torch.Tensor
    fused: torch.Tensor
    embeddings: dict[str, torch.Tensor]
    used: dict[str, torch.Tensor]
    decoded: dict[str, torch.Tensor]


class Space(nn.Module):
    """The unified emotion space. shapes: input -> (dimensions, is it a long sequence)."""

    def __init__(self, shapes: dict, classes: int, width: int, embedding: int, recurrent: int, dropout: float):
        super().__init__()
        self.names = list(shapes)
        make = {n: SequenceEncoder(d, long, width, embedding, recurrent, dropout) for n, (d, long) in shapes.items()}
        self.encoders = nn.ModuleDict({self.key(n): m for n, m in make.items()})
        self.decoders = nn.ModuleDict({self.key(n): nn.Linear(embedding, 2 * d) for n, (d, _) in shapes.items()})
        self.gate = nn.Linear(embedding, 1)
        self.nothing = nn.Parameter(torch.zeros(embedding))  # stands in where an utterance has no input at all
        self.fuse = nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(embedding, embedding))
        self.emotion, self.gender, self.vad = (nn.Linear(embedding, n) for n in (classes, 2, 3))
        self.dropout = nn.Dropout(dropout)
        self.log_scale = nn.Parameter(torch.log(torch.tensor([10.0, 10.0])))  # of the two contrastive losses
        self.register_buffer("vad_mean", torch.zeros(3))
        self.register_buffer("vad_scale", torch.ones(3))

    @staticmethod
    def key(name: str) -> str:
        return name.replace(".", "/")

    @torch.no_grad()
    def fit_scales(self, rows: Resident) -> None:
        """Take means and deviations from train rows, once."""
        for name in self.names:
            values = rows.inputs[name][0]
            encoder = self.encoders[self.key(name)]
            encoder.mean.copy_(values.mean(0))
            encoder.scale.copy_(values.std(0, correction=0).clamp(min=1e-4))
        known = rows.vad[~rows.vad.isnan().any(1)]
        if len(known) > 1:
            self.vad_mean.copy_(known.mean(0))
            self.vad_scale.copy_(known.std(0).clamp(min=1e-4))

    def standardise(self, batch: Batch) -> Batch:
        return {n: (self.encoders[self.key(n)].standardise(v, length), length) for n, (v, length) in batch.items()}

    def forward(self, batch: Batch, used: dict[str, torch.Tensor]) -> Output:
        """batch is standardised; used: input -> mask (B,) of the rows in which it may be seen."""
        encoded = {n: self.encoders[self.key(n)](*batch[n]) for n in used}
        stack = torch.stack(list(encoded.values()), 1)
        there = torch.stack(list(used.values()), 1)
        gate = self.gate(torch.tanh(stack)).squeeze(-1).float().masked_fill(~there, -1e9)
        mean = (gate.softmax(1)[..., None] * stack).sum(1)
        mean = torch.where(there.any(1, keepdim=True), mean, self.nothing.to(mean.dtype))
        fused = self.fuse(mean)
        seen = self.dropout(F.gelu(fused))
        decoded = {n: self.decoders[self.key(n)](fused) for n in used}
        embeddings = {n: F.normalize(e.float(), dim=1) for n, e in encoded.items()}
        heads = self.emotion(seen), self.gender(seen), self.vad(seen)
        return Output(*heads, F.normalize(fused.float(), dim=1), embeddings, used, decoded)

    @property
    def scales(self) -> torch.Tensor:
        """Learnt 1 / temperature of the label-aware and of the cross-modal loss."""
        return self.log_scale.exp().clamp(max=MAX_SCALE)


@dataclass(frozen=True)
class Found:
    """Predictions for N rows, as numpy: probabilities (N, C) and (N, 2), embeddings (N, E)."""

    emotion: np.ndarray
    gender: np.ndarray
    embedding: np.ndarray


@torch.no_grad()
def predict(network: Space, rows: Resident, size: int, keep: Sequence[str] | None = None) -> Found:
    """Predict all rows of a split from the inputs `keep` (all by default). The network must be in evaluation mode."""
    names = [n for n in network.names if keep is None or n in keep]
    blocks: list[tuple[torch.Tensor, ...]] = []
    for numbers in torch.arange(rows.size).split(size):
        batch = network.standardise(rows.batch(numbers, names))
        used = {n: length > 0 for n, (_, length) in batch.items()}
        with torch.autocast(rows.device.type, torch.bfloat16, enabled=rows.device.type == "cuda"):
            out = network(batch, used)
        blocks.append((out.emotion.float().softmax(1), out.gender.float().softmax(1), out.fused))
    return Found(*(torch.cat(column).cpu().numpy() for column in zip(*blocks, strict=True)))
