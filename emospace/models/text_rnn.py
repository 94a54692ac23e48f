"""TextRNN: bidirectional LSTM layers over the words of a text; their last states are the extra `hidden`."""

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
PAD, UNKNOWN = 0, 1  # numbers of the words that are none, and of those not in the vocabulary


def extras(**options) -> list[str]:
    """The values before the last layer, one step per row: early_fusion reads them."""
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
    """Train with Adam; keep the epoch of the best accuracy on dev. The vocabulary is that of the train rows.

    longest: words of a text that are read. embedding: size of the word embeddings, trained from random ones; hidden:
    size of each direction. batch: rows per step; all, if there are fewer. Raises InputError if no train row has a text.
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
    """Probabilities of the classes, and the last states of both directions, zero without a text."""
    from emospace.models import _classifier
    from emospace.models._spectrogram import TextRnn

    facts, known = trained.facts, _table.vocabulary(trained.state)
    network = TextRnn(len(trained.classes), len(known), facts["embedding"], facts["hidden"])
    return _classifier.applied(
        network, lambda side: _numbers(side, known, facts["longest"]), trained.state, rows, 2 * facts["hidden"], device
    )


def _words(rows: Rows) -> list[list[str]]:
    """Words in lower case, as spaces separate them, of all texts of each row."""
    return [" ".join(texts).lower().split() for texts in zip(*rows.inputs.values(), strict=True)]


def _numbers(rows: Rows, known: list[str], longest: int) -> "torch.Tensor":
    """Numbers of the words, int64 (N, longest)."""
    import torch

    number = {word: i for i, word in enumerate(known, UNKNOWN + 1)}
    values = np.full((len(rows), longest), PAD)
    for line, words in zip(values, _words(rows), strict=True):
        line[: len(words)] = [number.get(word, UNKNOWN) for word in words[:longest]]
    return torch.from_numpy(values)
