"""Networks of light_lstm: one LSTM reads a vector per utterance, the other reads embedded words."""

import torch
from torch import nn


class VectorLstm(nn.Module):
    """LSTM over a sequence of one step, with summed directions: (B, size) -> logits (B, classes)."""

    def __init__(
        self, layers: int, hidden: int, bidirectional: bool, dropout: float, classes: int, embedding: int, size: int
    ):
        super().__init__()
        self.hidden = hidden
        options = {"bidirectional": bidirectional, "dropout": dropout if layers > 1 else 0.0, "batch_first": True}
        self.rnn = nn.LSTM(size, hidden, layers, **options)
        self.out = nn.Linear(hidden, classes)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        states = self.rnn(vectors[:, None])[0][:, 0]
        return self.out(states.reshape(len(states), -1, self.hidden).sum(1))


class WordLstm(nn.Module):
    """LSTM over embedded words: word indices (B, T), padded with 0 -> logits (B, classes).

    The output layer reads the forward state of the last word and the backward state of the first; padding is skipped.
    """

    def __init__(
        self, layers: int, hidden: int, bidirectional: bool, dropout: float, classes: int, embedding: int, size: int
    ):
        super().__init__()
        self.embedding = nn.Embedding(size + 2, embedding, padding_idx=0)
        options = {"bidirectional": bidirectional, "dropout": dropout if layers > 1 else 0.0, "batch_first": True}
        self.rnn = nn.LSTM(embedding, hidden, layers, **options)
        self.out = nn.Linear(hidden * (1 + bidirectional), classes)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        lengths = (words > 0).sum(1).clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(words), lengths, batch_first=True, enforce_sorted=False
        )
        last = self.rnn(packed)[1][0][-1 - self.rnn.bidirectional :]
        return self.out(last.transpose(0, 1).flatten(1))
