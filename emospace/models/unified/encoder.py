"""Encode padded sequences of one modality, (B, T, D) with lengths (B,), as one vector per row."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from emospace.models.unified.resident import precise
from emospace.models.unified.statistics import ALL, BASIC, DEVIATION

STRIDES = (2, 2)  # of the convolutions
SPEED = 10.0  # of the logits of layers, relative to other parameters


def inside_of(values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """Mask of unpadded steps, (B, T)."""
    return torch.arange(values.shape[1], device=values.device) < length[:, None]


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over unpadded steps only: values (B, T, C), mask (B, T).

    A single step has no variance: such a batch is normalised by the running statistics, which it does not update.
    Nothing is read from the device.
    """

    def forward(self, values: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        mean, variance = self.running_mean, self.running_var
        if self.training:
            with precise(values.device):
                mean, variance = self._statistics(values.float(), inside)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return ((values - mean) * scale + self.bias) * inside[..., None]

    def _statistics(self, values: torch.Tensor, inside: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and variance of the batch, (C,) each, after updating the running ones."""
        kept, count = inside.flatten().to(values.dtype), inside.sum()
        rows = values.flatten(0, 1)  # sums over steps as products with the mask: nothing is copied
        mean = kept @ rows / count.clamp(min=1)
        variance = (kept @ (rows - mean.detach()).square()) / count.clamp(min=1) - (mean - mean.detach()).square()
        enough = count > 1
        with torch.no_grad():
            unbiased = variance * count / (count - 1).clamp(min=1)
            share = torch.where(enough, self.momentum, 0.0)
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(unbiased, share)
        return torch.where(enough, mean, self.running_mean), torch.where(enough, variance, self.running_var)


class ChannelDropout(nn.Dropout):
    """Drop whole channels of sequences (B, T, C) (Tompson et al. 2015): neighbouring steps carry the same content."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values * super().forward(values.new_ones(len(values), 1, values.shape[2]))


class Convolution(nn.Module):
    """Convolution over time, normalisation, GELU, dropout. Padding is zeroed for the next layer."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float):
        super().__init__()
        self.stride = stride
        self.convolve = nn.Conv1d(inputs, outputs, 5, stride=stride, padding=2)
        self.normalise = MaskedBatchNorm(outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: torch.Tensor, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values = self.convolve(values.transpose(1, 2)).transpose(1, 2)
        length = (length + self.stride - 1) // self.stride
        inside = inside_of(values, length)
        return self.dropout(F.gelu(self.normalise(values, inside))), length  # GELU and dropout keep zeros


class AttentionPooling(nn.Module):
    """Attentive statistics pooling (Okabe et al. 2018): weighted mean and standard deviation over unpadded steps."""

    def __init__(self, width: int):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        inside = inside_of(values, length.clamp(min=1))[..., None]
        weight = self.score(values).float().masked_fill(~inside, -torch.inf).softmax(1)
        with precise(values.device):
            values = values.float()
            mean, square = (torch.einsum("bto,btc->bc", weight, v) for v in (values, values.square()))
        spread = (square - mean.square()).clamp(min=1e-5).sqrt()
        return torch.cat([mean, spread], 1)


class MaskedGRU(nn.Module):
    """Bidirectional GRU whose backward direction starts at the last unpadded step: (B, T, C) -> (B, T, 2 H).

    Packed sequences would do the same, but they need the lengths on the CPU, for which a GPU would wait.
    """

    def __init__(self, inputs: int, units: int):
        super().__init__()
        self.forwards, self.backwards = (nn.GRU(inputs, units, batch_first=True) for _ in range(2))

    def forward(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        steps = torch.arange(values.shape[1], device=values.device)
        mirrored = (length[:, None] - 1 - steps) % values.shape[1]  # an involution on the unpadded steps
        there, _ = self.forwards(values)
        back, _ = self.backwards(_at(values, mirrored))
        return torch.cat([there, _at(back, mirrored)], -1) * inside_of(values, length)[..., None]


def _at(values: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Values (B, T, C) at these steps (B, T)."""
    return values.gather(1, steps[..., None].expand(-1, -1, values.shape[2]))


class Shape(NamedTuple):
    """Steps of an input: D = `dims` values, the states of `layers` layers of a network side by side.

    form "cepstral": MFCC over time. "sequence": other long inputs, whose steps a pretrained network has already put in
    context. "": short inputs.
    """

    dims: int
    form: str
    layers: int = 1

    @property
    def statistics(self) -> int:
        """How many statistics its linear paths read: tails of a few steps say nothing."""
        return ALL if self.form else BASIC


class LayerMixture(nn.Module):
    """Weighted mean of the layers of a network, (B, T, L W) -> (B, T, W), with learnt weights, equal at first.

    Emotion is in other layers than the last (Yang et al. 2021, SUPERB). The weights are the softmax of `logits`, times
    SPEED, so that the few hundred steps of a training can choose one layer.
    """

    def __init__(self, layers: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(layers))

    @property
    def weights(self) -> torch.Tensor:
        return (SPEED * self.logits).softmax(0)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.weights @ values.unflatten(2, (len(self.logits), -1))


class SequenceEncoder(nn.Module):
    """Encoder of one modality into the space, (B, E), by the shape of the input.

    MFCC go through convolutions and a GRU, all others through a linear layer, several layers as their weighted mean.
    """

    def __init__(self, shape: Shape, width: int, embedding: int, recurrent: int, dropout: float):
        super().__init__()
        self.shape = shape
        inputs, form, layers = shape
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        cepstral = form == "cepstral"
        strides = STRIDES if cepstral else ()
        sizes = [3 * inputs, *[width] * len(strides)]
        pairs = zip(sizes[:-1], sizes[1:], strides, strict=True)
        self.convolutions = nn.ModuleList([Convolution(i, o, s, dropout) for i, o, s in pairs])
        self.recurrent = MaskedGRU(width, recurrent) if cepstral and recurrent else None
        self.mixture = LayerMixture(layers) if layers > 1 else nn.Identity()
        self.enter = None if cepstral else self._enter(inputs // layers, width, dropout)
        pooled = 2 * recurrent if self.recurrent else width
        self.pool = AttentionPooling(pooled)
        self.leave = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * pooled, embedding))

    @staticmethod
    def _enter(inputs: int, width: int, dropout: float) -> nn.Module:
        return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), ChannelDropout(dropout))

    def standardise(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Scale to zero mean and unit standard deviation over the train rows, in place; padding stays zero.

        A batch of several layers has tens of MB, and a new allocation costs as much as the arithmetic.
        """
        torch.addcmul(-self.mean / self.scale, values, 1 / self.scale, out=values)
        return values.mul_(inside_of(values, length)[..., None])

    def standardise_statistics(self, table: torch.Tensor) -> torch.Tensor:
        """Statistics (B, S, D) as those of standardised values."""
        shift = self.mean.repeat(table.shape[1], 1)
        shift[DEVIATION] = 0
        return (table - shift) / self.scale

    def forward(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """values: standardised."""
        if self.enter is not None:
            return self.leave(self.pool(self.enter(self.mixture(values)), length))
        values = self._channels(values, length)
        for convolution in self.convolutions:
            values, length = convolution(values, length)
        if self.recurrent:
            values = self.recurrent(values, length)
        return self.leave(self.pool(values, length))

    def _channels(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Values, values minus their mean over the utterance (the voice), and central differences: (B, T, 3 D)."""
        inside = inside_of(values, length)[..., None]
        centred = values - values.sum(1, keepdim=True) / length.clamp(min=1)[:, None, None]
        # Zero before the first and after the last step, however far the batch is padded.
        slope = F.pad(values, (0, 0, 0, 1))[:, 1:] - F.pad(values, (0, 0, 1, 0))[:, :-1]
        return torch.cat([values, centred, slope], -1) * inside
