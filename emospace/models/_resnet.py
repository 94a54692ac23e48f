"""A one-dimensional residual network over a vector of any length: 15,398,854 parameters for six classes."""

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (64, 128, 256, 512, 1024)  # channels of the stages, each of which halves the length
BLOCKS = 2  # per stage


class Block(nn.Module):
    """Two convolutions beside a shortcut: (B, inputs, T) -> (B, outputs, T / stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.first = nn.Conv1d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm1d(outputs)
        self.second = nn.Conv1d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm1d(outputs)
        changes = stride > 1 or inputs != outputs
        shortcut = [nn.Conv1d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm1d(outputs)] if changes else []
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.second_norm(self.second(inner)) + self.shortcut(x))


class ResNet(nn.Module):
    """The network: (B, T) -> logits (B, classes). widths: channels of the stages."""

    def __init__(self, classes: int, widths: tuple[int, ...] = WIDTHS):
        super().__init__()
        self.stem = nn.Conv1d(1, widths[0], 7, 2, 3, bias=False)
        self.stem_norm = nn.BatchNorm1d(widths[0])
        stages = []
        for inputs, outputs in zip((widths[0], *widths[:-1]), widths, strict=True):
            stages += [Block(inputs, outputs, 2), *(Block(outputs, outputs, 1) for _ in range(BLOCKS - 1))]
        self.stages = nn.Sequential(*stages)
        self.out = nn.Linear(widths[-1], classes)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.stem_norm(self.stem(vectors[:, None])))
        return self.out(self.stages(x).mean(2))
