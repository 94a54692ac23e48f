"""TextRNN: two bidirectional LSTM layers over the words of a text; their last states are the extra `hidden`."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Natural, Positive
from emospace.models import _table

if TYPE_CHECKING:
    import torch

INPUTS = ("view",)
GPU = True
PAD, UNKNOWN = 0, 1  # indices of padding and of words outside the vocabulary


def extras(**options) -> list[str]:
    """Name of the input of the last layer, one step per row; early_fusion reads it."""
    return ["hidden"]


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    longest: Count = 64,
    embedding: Count = 128,
    hidden: Count = 256,
    lr: Positive = 5e-5,
    batch: Count = 32,
    epochs: Count = 10,
    patience: Natural = 10,
) -> Trained:
    """Train with Adam; keep the epoch with the best accuracy on dev. The vocabulary is that of the train rows.

    longest: number of words read per text. embedding: size of the word embeddings, trained from a random start; hidden:
    size of each direction. batch: rows per step, or all if there are fewer. Raises InputError if no train row has a
    text.
    """
    import torch

    from emospace.models import _classifier
    from emospace.models._spectrogram import TextRnn

    torch.manual_seed(seed)
    if not any(_words(fold.train)):
        raise InputError(_table.WHERE, "no train row has a text", "see data/quality, or leave out the runs of texts")
    rows = _classifier.usable(fold.train, "text_rnn")
    known = sorted({word for words in _words(rows) for word in words})
    network = TextRnn(len(fold.classes), len(known), embedding, hidden)
    pace = _classifier.Pace(epochs, patience, batch, lr)
    stored, state, facts = _classifier.trained(
        network, lambda side: _numbers(side, known, longest), fold, rows, pace, checkpoint, device
    )
    facts |= {"longest": longest, "embedding": embedding, "hidden": hidden, "vocabulary": len(known)}
    return Trained(stored | _table.encoded(known), fold.classes, state.history, facts)


def apply(trained: Trained, rows: Rows, *, device: str = "cpu") -> Output:
    """Class probabilities, and the last states of both directions, zero without a text."""
    from emospace.models import _classifier
    from emospace.models._spectrogram import TextRnn

    facts, known = trained.facts, _table.vocabulary(trained.state)
    network = TextRnn(len(trained.classes), len(known), facts["embedding"], facts["hidden"])
    return _classifier.applied(
        network, lambda side: _numbers(side, known, facts["longest"]), trained.state, rows, 2 * facts["hidden"], device
    )


def _words(rows: Rows) -> list[list[str]]:
    """Lower-case words of all texts of each row, split at white space."""
    return [" ".join(texts).lower().split() for texts in zip(*rows.inputs.values(), strict=True)]


def _numbers(rows: Rows, known: list[str], longest: int) -> "torch.Tensor":
    """Word indices, int64 (N, longest)."""
    import torch

    number = {word: i for i, word in enumerate(known, UNKNOWN + 1)}
    values = np.full((len(rows), longest), PAD)
    for line, words in zip(values, _words(rows), strict=True):
        line[: len(words)] = [number.get(word, UNKNOWN) for word in words[:longest]]
    return torch.from_numpy(values)
