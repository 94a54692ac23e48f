"""Fused CNN: a one-dimensional ResNet over scaled acoustic statistics and TF-IDF, concatenated into one vector.

Follows a student project that extends Sahu 2019 (ACIT4630; docs/systems.md). Two states are kept: the one with the best
accuracy on dev, which predicts, and the one with the lowest loss on dev, as the checkpoint `best_loss`.
"""

import copy
import math
from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Natural, NotNegative, Positive, Several, Share
from emospace.models import _table

INPUTS = ("feature", "view")
GPU = True
PACKAGES = ("numpy", "scikit-learn")
LOWEST = "best_loss"
SCORED = 256  # rows per batch at inference
LEAST = 2  # minimum train rows, because batch normalisation needs two


def checkpoints(**options) -> list[str]:
    """Name of the state with the lowest loss on dev."""
    return [LOWEST]


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    fit_on: Literal["train", "train_and_dev"] = "train",
    copies: dict[str, Count] = {},  # noqa: B006, never changed
    min_df: Count = 5,
    widths: Several[Count] = (64, 128, 256, 512, 1024),
    lr: Positive = 1e-3,
    momentum: Share = 0.4,
    weight_decay: NotNegative = 1e-4,
    batch: Count = 32,
    epochs: Count = 100,
    patience: Natural = 100,
) -> Trained:
    """Train with SGD; keep the epochs with the best accuracy and the lowest loss on dev, or the last one without dev.

    fit_on, copies, min_df: as in light_weight. widths: channels of the stages. lr, momentum: of SGD. batch: rows per
    step, or all if there are fewer. Raises InputError for unusable data.
    """
    import torch
    from torch.nn import functional

    from emospace.models import _classifier
    from emospace.models._resnet import ResNet
    from emospace.training.loop import fit

    torch.manual_seed(seed)
    rows = fold.train.take(_table.repeated(fold, copies))
    if len(rows) < LEAST:
        raise InputError("fused_cnn", f"the fold has {len(rows)} train row", "batch normalisation needs two or more")
    table = _table.fit([rows, fold.dev] if fit_on == "train_and_dev" else [rows], min_df)
    network = ResNet(len(fold.classes), tuple(widths)).to(device)
    inputs, labels = _tensor(table, rows).to(device), torch.from_numpy(rows.label).to(device)
    held = _tensor(table, fold.dev).to(device)
    lowest = Lowest(checkpoint)

    def losses(numbers: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"emotion": functional.cross_entropy(network(inputs[numbers.to(device)]), labels[numbers.to(device)])}

    def score(candidate) -> dict[str, float]:
        scores = _scores(candidate, held, fold.dev.label)
        lowest.offer(candidate, scores["dev_loss"])
        return scores

    pace = _classifier.Pace(epochs, patience, batch, lr, weight_decay, "sgd", momentum)
    schedule = pace.schedule(len(rows))
    state = fit(network, copy.deepcopy(network).eval(), len(rows), losses, score, schedule, checkpoint)
    fitted = {f"table.{name}": value for name, value in table.items()}
    facts = {"widths": list(widths), "columns": inputs.shape[1], "best_loss_epoch": _least(state.history)}
    facts |= _classifier.facts(network, state)
    stored = [fitted | _arrays(tensors) for tensors in (state.best, lowest.tensors or state.best)]
    return Trained(stored[0], fold.classes, state.history, facts, {LOWEST: stored[1]})


class Lowest:
    """The state with the lowest loss so far, also saved beside the loop's checkpoint so that it survives a kill."""

    def __init__(self, folder: Path):
        from emospace.training import checkpoints

        self.path, self.loss, self.tensors = folder / f"{LOWEST}.safetensors", math.inf, {}
        self.write = checkpoints.write
        if self.path.exists():
            try:
                self.tensors, history = checkpoints.read(self.path)
                self.loss = history[0]["dev_loss"]
            except checkpoints.DAMAGE:
                self.path.unlink()

    def offer(self, network, loss: float) -> None:
        """Keep the network's state if its loss is the lowest so far."""
        if loss < self.loss:
            self.loss = loss
            self.tensors = {k: v.detach().cpu().clone().contiguous() for k, v in network.state_dict().items()}
            self.write(self.path, self.tensors, [{"dev_loss": loss}])


def apply(trained: Trained, rows: Rows, *, device: str = "cpu") -> Output:
    """Class probabilities of the rows."""
    import torch

    from emospace.models._resnet import ResNet

    if not len(rows):
        return Output(np.zeros((0, len(trained.classes)), np.float32))
    table, weights = (_table.part(prefix, trained.state) for prefix in ("table", "network"))
    network = ResNet(len(trained.classes), tuple(trained.facts["widths"])).to(device)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    return Output(_logits(network.eval(), _tensor(table, rows).to(device)).softmax(1).float().cpu().numpy())


def _arrays(tensors: dict) -> dict[str, np.ndarray]:
    return {f"network.{name}": value.cpu().numpy() for name, value in tensors.items()}


def _least(history: list[dict]) -> int:
    """Epoch with the lowest loss on dev, counted from 1; the last epoch without dev rows."""
    known = [line for line in history if math.isfinite(line["dev_loss"])]
    return min(known, key=lambda line: line["dev_loss"])["epoch"] if known else len(history)


def _tensor(table: dict[str, np.ndarray], rows: Rows):
    import torch

    return torch.from_numpy(_table.dense(_table.matrix(table, rows)))


def _logits(network, inputs):
    import torch

    network.eval()
    with torch.inference_mode():
        return torch.cat([network(part) for part in inputs.split(SCORED)])


def _scores(network, inputs, label: np.ndarray) -> dict[str, float]:
    from emospace.models import _classifier

    return _classifier.scores(_logits(network, inputs).float().cpu() if len(label) else None, label)
