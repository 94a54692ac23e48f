"""The network of the unified space: an encoder and a decoder per modality, gated fusion, and prediction heads."""

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
    """Logits and reconstructions of B rows, unit-norm embeddings (fused, per input), masks of the inputs used."""

    emotion: torch.Tensor
    gender: torch.Tensor
    vad: torch.Tensor
    fused: torch.Tensor
    embeddings: dict[str, torch.Tensor]
    used: dict[str, torch.Tensor]
    decoded: dict[str, torch.Tensor]


def _rated(vad: torch.Tensor) -> Iterator[tuple[torch.Tensor, list[int]]]:
    """Group the dimensions of ratings (N, 3) by which rows are rated: yield (mask (N,), dimensions)."""
    masks = (~vad.isnan()).unbind(1)
    for k, known in enumerate(masks):
        alike = [j for j, other in enumerate(masks) if torch.equal(known, other)]
        if alike[0] == k:
            yield known, alike


class Space(nn.Module):
    """The unified emotion space. shapes: input -> (feature dimensions, whether it is a long sequence)."""

    def __init__(self, shapes: dict, classes: int, width: int, embedding: int, recurrent: int, dropout: float):
        super().__init__()
        self.names = list(shapes)
        encoders = {
            n: SequenceEncoder(d, long, width, embedding, recurrent, dropout) for n, (d, long) in shapes.items()
        }
        self.encoders = nn.ModuleDict({self.key(n): m for n, m in encoders.items()})
        self.decoders = nn.ModuleDict({self.key(n): nn.Linear(embedding, 2 * d) for n, (d, _) in shapes.items()})
        self.gate = nn.Linear(embedding, 1)
        self.nothing = nn.Parameter(torch.zeros(embedding))  # replaces the mean of an utterance without any input
        self.fuse = nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(embedding, embedding))
        self.emotion, self.gender, self.vad = (nn.Linear(embedding, n) for n in (classes, 2, 3))
        self.dropout = nn.Dropout(dropout)
        self.log_scale = nn.Parameter(torch.log(torch.tensor([10.0, 10.0])))  # of the two contrastive losses
        self.register_buffer("vad_mean", torch.zeros(3))
        self.register_buffer("vad_scale", torch.ones(3))

    @staticmethod
    def key(name: str) -> str:
        """Key of an input in a ModuleDict, which allows no dots."""
        return name.replace(".", "/")

    @torch.no_grad()
    def fit_scales(self, rows: DeviceRows) -> None:
        """Set the means and standard deviations for standardisation, from train rows."""
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
        """Standardise each input by the statistics of the train rows; padding stays zero."""
        return {n: (self.encoders[self.key(n)].standardise(v, length), length) for n, (v, length) in batch.items()}

    def forward(self, batch: Batch, used: dict[str, torch.Tensor]) -> Output:
        """batch: standardised; used: input -> mask (B,) of the rows for which the network may use it."""
        encoded = {n: self.encoders[self.key(n)](*batch[n]) for n in used}
        stack = torch.stack(list(encoded.values()), 1)
        present = torch.stack(list(used.values()), 1)
        gate = self.gate(torch.tanh(stack)).squeeze(-1).float().masked_fill(~present, -1e9)
        mean = (gate.softmax(1)[..., None] * stack).sum(1)
        mean = torch.where(present.any(1, keepdim=True), mean, self.nothing.to(mean.dtype))
        fused = self.fuse(mean)
        features = self.dropout(F.gelu(fused))
        decoded = {n: self.decoders[self.key(n)](fused) for n in used}
        embeddings = {n: F.normalize(e.float(), dim=1) for n, e in encoded.items()}
        heads = self.emotion(features), self.gender(features), self.vad(features)
        return Output(*heads, F.normalize(fused.float(), dim=1), embeddings, used, decoded)

    @property
    def scales(self) -> torch.Tensor:
        """Learnt 1 / temperature of the supervised contrastive and the cross-modal loss, at most MAX_SCALE."""
        return self.log_scale.exp().clamp(max=MAX_SCALE)


@dataclass(frozen=True)
class Predictions:
    """float32 predictions for N rows: emotion (N, C), gender (N, 2), embedding (N, E), vad in corpus units (N, 3)."""

    emotion: np.ndarray
    gender: np.ndarray
    embedding: np.ndarray
    vad: np.ndarray


@torch.no_grad()
def predict(network: Space, rows: DeviceRows, size: int) -> Predictions:
    """Predict all rows of a split, `size` per batch. The network must be in evaluation mode."""
    if not rows.size:
        widths = network.emotion.out_features, 2, network.gate.in_features, 3
        return Predictions(*(np.empty((0, width), np.float32) for width in widths))
    blocks: list[tuple[torch.Tensor, ...]] = []
    for numbers in torch.arange(rows.size).split(size):
        batch = network.standardise(rows.batch(numbers, network.names))
        used = {n: length > 0 for n, (_, length) in batch.items()}
        with torch.autocast(rows.device.type, torch.bfloat16, enabled=rows.device.type == "cuda"):
            out = network(batch, used)
        vad = out.vad.float() * network.vad_scale + network.vad_mean
        blocks.append((out.emotion.float().softmax(1), out.gender.float().softmax(1), out.fused, vad))
    return Predictions(*(torch.cat(column).cpu().numpy() for column in zip(*blocks, strict=True)))
