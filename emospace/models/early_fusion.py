"""Early fusion: a hidden layer over the extras `hidden` of other runs, whose weights stay frozen.

The extras are computed in evaluation mode: dropout is off and batch normalisation uses its stored statistics.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Natural, Positive

if TYPE_CHECKING:
    import torch

INPUTS = ("run",)
GPU = True


def extras(**options) -> list[str]:
    """Name of the input of the last layer, one step per row; another early_fusion can read it."""
    return ["hidden"]


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    hidden: Count = 512,
    lr: Positive = 5e-5,
    batch: Count = 32,
    epochs: Count = 10,
    patience: Natural = 10,
) -> Trained:
    """Train with Adam; keep the epoch with the best accuracy on dev. A missing extra is zero.

    hidden: size of the hidden layer. batch: rows per step, or all if there are fewer. Raises InputError for an input
    that is not the extra `hidden` of a run.
    """
    import torch

    from emospace.models import _classifier
    from emospace.models._spectrogram import Fusion

    torch.manual_seed(seed)
    if other := [name for name in fold.train.inputs if not name.endswith(".hidden")]:
        remedy = "list them: `inputs: [run:<name>.hidden, ...]`"
        raise InputError(f"input {other[0]}", "early_fusion reads the extras `hidden` of runs", remedy)
    rows = _classifier.usable(fold.train, "early_fusion")
    size = _vectors(rows).shape[1]
    network = Fusion(len(fold.classes), size, hidden)
    pace = _classifier.Pace(epochs, patience, batch, lr)
    stored, state, facts = _classifier.trained(network, _vectors, fold, rows, pace, checkpoint, device)
    return Trained(stored, fold.classes, state.history, facts | {"size": size, "hidden": hidden})


def apply(trained: Trained, rows: Rows, *, device: str = "cpu") -> Output:
    """Class probabilities, and the values of the hidden layer."""
    from emospace.models import _classifier
    from emospace.models._spectrogram import Fusion

    hidden = trained.facts["hidden"]
    network = Fusion(len(trained.classes), trained.facts["size"], hidden)
    return _classifier.applied(network, _vectors, trained.state, rows, hidden, device)


def _vectors(rows: Rows) -> "torch.Tensor":
    """Concatenated extras float32 (N, D)."""
    import torch

    blocks = []
    for store in rows.inputs.values():
        block = np.zeros((len(rows), int(np.prod(store.values.shape[1:]))), np.float32)
        block[store.lengths > 0] = store.values.reshape(len(store.values), -1)
        blocks.append(block)
    return torch.from_numpy(np.concatenate(blocks, axis=1))
