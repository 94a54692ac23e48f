"""The network of the unified space: an encoder and a decoder per modality, what joins them, and heads."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from emospace.models.unified.encoder import SequenceEncoder
from emospace.models.unified.resident import Batch, DeviceRows

MAX_SCALE = 100.0  # of similarities, i.e. 1 / temperature, as in CLIP


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


def _rated(vad: torch.Tensor) -> Iterator[tuple[torch.Tensor, list[int]]]:
    """(which rows (N,) are rated, the dimensions that just these rows are rated in), of ratings (N, 3)."""
    masks = (~vad.isnan()).unbind(1)
    for k, known in enumerate(masks):
        alike = [j for j, other in enumerate(masks) if torch.equal(known, other)]
        if alike[0] == k:
            yield known, alike


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
    def fit_scales(self, rows: DeviceRows) -> None:
        """Take means and deviations from train rows, once."""
        for name in self.names:
            values = rows.inputs[name][0]
            encoder = self.encoders[self.key(name)]
            encoder.mean.copy_(values.mean(0))
            encoder.scale.copy_(values.std(0, correction=0).clamp(min=1e-4))
        for known, dimensions in _rated(rows.vad):
            if known.sum() > 1:
                values = rows.vad[known][:, dimensions]
                self.vad_mean[dimensions] = values.mean(0)
                self.vad_scale[dimensions] = values.std(0).clamp(min=1e-4)

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
    """Predictions for N rows, as numpy: probabilities (N, C) and (N, 2), embeddings (N, E), VAD in its units (N, 3)."""

    emotion: np.ndarray
    gender: np.ndarray
    embedding: np.ndarray
    dimensions: np.ndarray


@torch.no_grad()
def predict(network: Space, rows: DeviceRows, size: int) -> Found:
    """Predict all rows of a split. The network must be in evaluation mode."""
    if not rows.size:
        widths = network.emotion.out_features, 2, network.gate.in_features, 3
        return Found(*(np.empty((0, width), np.float32) for width in widths))
    blocks: list[tuple[torch.Tensor, ...]] = []
    for numbers in torch.arange(rows.size).split(size):
        batch = network.standardise(rows.batch(numbers, network.names))
        used = {n: length > 0 for n, (_, length) in batch.items()}
        with torch.autocast(rows.device.type, torch.bfloat16, enabled=rows.device.type == "cuda"):
            out = network(batch, used)
        vad = out.vad.float() * network.vad_scale + network.vad_mean
        blocks.append((out.emotion.float().softmax(1), out.gender.float().softmax(1), out.fused, vad))
    return Found(*(torch.cat(column).cpu().numpy() for column in zip(*blocks, strict=True)))
