"""Encode padded sequences of one modality, (B, T, D) with lengths (B,), as one vector per row."""

import torch
import torch.nn.functional as F
from torch import nn


def inside_of(values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """Mask of unpadded steps, (B, T)."""
    return torch.arange(values.shape[1], device=values.device) < length[:, None]


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over unpadded steps only: values (B, T, C), mask (B, T).

    A single step has no variance: such a batch is normalised by the running statistics, which it does not update.
    """

    def forward(self, values: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        out = torch.zeros_like(values)
        real = values[inside]
        out[inside] = (super().forward(real) if len(real) > 1 else self._by_running_statistics(real)).to(out.dtype)
        return out

    def _by_running_statistics(self, real: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(real, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


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
        values = self.dropout(F.gelu(self.normalise(values, inside)))
        return values * inside[..., None], length


class AttentionPooling(nn.Module):
    """Attentive statistics pooling (Okabe et al. 2018): weighted mean and standard deviation over unpadded steps."""

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
    """Encoder of one modality, (B, E): convolutions and a GRU for long inputs, a linear layer for short ones."""

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
        """Scale to zero mean and unit standard deviation over the train rows; padding stays zero."""
        return (values - self.mean) / self.scale * inside_of(values, length)[..., None]

    def forward(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """values: standardised."""
        if not self.long:
            return self.leave(self.pool(self.enter(values), length))
        values = self._channels(values, length)
        for convolution in self.convolutions:
            values, length = convolution(values, length)
        if self.recurrent:
            values = self._recur(values, length)
        return self.leave(self.pool(values, length))

    def _channels(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Values, values minus their mean over the utterance (the voice), and central differences: (B, T, 3 D)."""
        inside = inside_of(values, length)[..., None]
        centred = values - values.sum(1, keepdim=True) / length.clamp(min=1)[:, None, None]
        # Zero before the first and after the last step, however far the batch is padded.
        slope = F.pad(values, (0, 0, 0, 1))[:, 1:] - F.pad(values, (0, 0, 1, 0))[:, :-1]
        return torch.cat([values, centred, slope], -1) * inside

    def _recur(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        # Packing starts the backward direction at the last unpadded step; a missing row counts as one step of zeros.
        steps = length.clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(values, steps, batch_first=True, enforce_sorted=False)
        states, _ = self.recurrent(packed)
        return nn.utils.rnn.pad_packed_sequence(states, True, total_length=values.shape[1])[0]
