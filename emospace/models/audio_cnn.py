"""AudioCNN: a two-dimensional convolutional network over mel spectrograms of a fixed size (encoder `mel`).

The extra `hidden` is the input of the last layer in evaluation mode, 512 values by default; early_fusion reads it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Natural, NotNegative, Positive, Share

if TYPE_CHECKING:
    import torch

GPU = True
LEAST = 16  # minimum steps and bands: four poolings halve both
SILENCE = -80.0  # dB relative to the maximum, pads a shorter image


def extras(**options) -> list[str]:
    """Name of the input of the last layer, one step per row; early_fusion reads it."""
    return ["hidden"]


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    hidden: Count = 512,
    lr: Positive = 1e-4,
    weight_decay: NotNegative = 1e-5,
    batch: Count = 32,
    epochs: Count = 15,
    patience: Natural = 15,
    reduce_to: Share = 0.5,
    reduce_after: Natural = 3,
) -> Trained:
    """Train with Adam; keep the epoch with the best accuracy on dev.

    hidden: size of the last hidden layer. batch: rows per step, or all if there are fewer. The learning rate is
    multiplied by `reduce_to` when the loss on dev has not improved for more than `reduce_after` epochs. Raises
    InputError for inputs that are not images of at least 16 x 16.
    """
    import torch

    from emospace.models import _classifier
    from emospace.models._spectrogram import AudioCnn
    from emospace.training.rates import Plateau

    torch.manual_seed(seed)
    rows = _classifier.usable(fold.train, "audio_cnn")
    size = _size(rows)
    network = AudioCnn(len(fold.classes), *size, hidden)
    plateau = Plateau(factor=reduce_to, patience=reduce_after)
    pace = _classifier.Pace(epochs, patience, batch, lr, weight_decay, plateau=plateau)
    stored, state, facts = _classifier.trained(
        network, lambda side: _images(side, size), fold, rows, pace, checkpoint, device
    )
    return Trained(stored, fold.classes, state.history, facts | {"size": size, "hidden": hidden})


def apply(trained: Trained, rows: Rows, *, device: str = "cpu") -> Output:
    """Class probabilities, and the input of the last layer, zero without an image."""
    from emospace.models import _classifier
    from emospace.models._spectrogram import AudioCnn

    size, hidden = trained.facts["size"], trained.facts["hidden"]
    network = AudioCnn(len(trained.classes), *size, hidden)
    return _classifier.applied(network, lambda side: _images(side, size), trained.state, rows, hidden, device)


def _size(rows: Rows) -> list[int]:
    """Steps and bands of the largest image."""
    if len(rows.inputs) != 1:
        raise InputError("audio_cnn", f"it has {len(rows.inputs)} inputs", "give it one feature, such as audio.mel")
    name, store = next(iter(rows.inputs.items()))
    size = [int(store.lengths.max()), int(np.prod(store.values.shape[1:]))]
    if min(size) < LEAST:
        reason = f"its largest item is {size[0]} x {size[1]}, but four poolings need {LEAST} x {LEAST}"
        raise InputError(f"input {name}", reason, "give it a spectrogram, such as audio.mel")
    return size


def _images(rows: Rows, size: list[int]) -> "torch.Tensor":
    """Images float32 (N, steps, bands), cut at the end or padded with silence."""
    import torch

    store = next(iter(rows.inputs.values()))
    if len(rows) and (width := int(np.prod(store.values.shape[1:]))) != size[1]:
        reason = f"it has {width} bands, but the model was trained on {size[1]}"
        raise InputError(f"input {next(iter(rows.inputs))}", reason, "give it the feature that the run was trained on")
    if (store.lengths == size[0]).all():  # the store already has the shape of a batch
        values = np.require(store.values, np.float32, "W").reshape(len(rows), *size)  # copies a read-only memory map
        return torch.from_numpy(values)
    images = np.full((len(rows), *size), SILENCE, np.float32)
    for image, row in zip(images, store, strict=True):
        image[: len(row)] = row[: size[0]]
    return torch.from_numpy(images)
