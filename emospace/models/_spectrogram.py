"""Networks of the system of spectrograms and texts; each returns logits (B, C) and the vector before them (B, E)."""

import torch
from torch import nn

from emospace.models._lstm import WordLstm

CHANNELS = (32, 64, 128, 128)


class AudioCnn(nn.Module):
    """Four blocks of convolution, ReLU, normalisation and pooling over an image (B, steps, bands)."""

    def __init__(self, classes: int, steps: int, bands: int, hidden: int):
        super().__init__()
        blocks: list[nn.Module] = []
        for inputs, outputs in zip((1, *CHANNELS[:-1]), CHANNELS, strict=True):
            blocks += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(outputs), nn.MaxPool2d(2)]
        self.blocks = nn.Sequential(*blocks)
        shrunk = 2 ** len(CHANNELS)
        self.hidden = nn.Linear(CHANNELS[-1] * (steps // shrunk) * (bands // shrunk), hidden)
        self.dropout, self.out = nn.Dropout(0.5), nn.Linear(hidden, classes)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = self.hidden(self.blocks(images[:, None]).flatten(1)).relu()
        return self.out(self.dropout(vectors)), vectors


class TextRnn(nn.Module):
    """Two bidirectional LSTM layers over numbers of words (B, T), 0 after the last; padding is never read."""

    def __init__(self, classes: int, words: int, embedding: int, hidden: int):
        super().__init__()
        self.words = WordLstm(2, hidden, True, 0.5, classes, embedding, words)
        self.words.out = nn.Identity()
        self.dropout, self.out = nn.Dropout(0.5), nn.Linear(2 * hidden, classes)

    def forward(self, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = self.words(words)
        return self.out(self.dropout(vectors)), vectors


class Fusion(nn.Module):
    """One hidden layer over the concatenated vectors of the extractors, (B, D)."""

    def __init__(self, classes: int, size: int, hidden: int):
        super().__init__()
        self.hidden = nn.Linear(size, hidden)
        self.dropout, self.out = nn.Dropout(0.5), nn.Linear(hidden, classes)

    def forward(self, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        joint = self.hidden(vectors).relu()
        return self.out(self.dropout(joint)), joint
