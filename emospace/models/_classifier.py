"""Train and apply a torch classifier whose network also returns a hidden vector per row.

Training skips rows without any input. Their prediction is the class shares of the train rows, and their vector is zero.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from emospace.core.data import Fold, Output, Rows
from emospace.core.errors import InputError
from emospace.core.option_types import Optimiser
from emospace.core.store import Ragged
from emospace.models import _table
from emospace.training.loop import Schedule, State, fit
from emospace.training.rates import Plateau

SCORED = 128  # rows per batch at inference
EXTRA = "hidden"  # name of the vectors among the extras
PRIOR = "prior"  # class shares of the train rows, in the state
Encode = Callable[[Rows], torch.Tensor]


@dataclass(frozen=True)
class Pace:
    """Training options of published systems; see Schedule. Dev accuracy selects the epoch."""

    epochs: int
    patience: int
    batch: int
    lr: float
    weight_decay: float = 0.0
    optimiser: Optimiser = "adam"
    momentum: float = 0.9
    plateau: Plateau | None = None

    def schedule(self, rows: int) -> Schedule:
        """The schedule for this number of train rows, which bounds the batch."""
        return Schedule(
            self.epochs,
            self.patience,
            min(self.batch, rows),
            self.lr,
            self.weight_decay,
            optimiser=self.optimiser,
            warmup=0.0,
            decay="constant",
            average=0.0,
            clip=0.0,
            watch="dev_accuracy",
            momentum=self.momentum,
            plateau=self.plateau,
        )


def usable(rows: Rows, model: str) -> Rows:
    """Rows that have any input. Raises InputError if there are none."""
    kept = np.flatnonzero(rows.present())
    if not len(kept):
        names = ", ".join(rows.inputs)
        raise InputError(f"input {names}", f"no train row has it, and {model} learns from it", "see data/quality")
    return rows.take(kept)


def trained(
    network: nn.Module, encode: Encode, fold: Fold, train: Rows, pace: Pace, checkpoint: Path, device: str
) -> tuple[dict[str, np.ndarray], State, dict]:
    """Train and keep the epoch with the best accuracy on dev; return the state to store, the loop's state, and facts.

    network: (B, ...) -> logits (B, C), vectors (B, E). encode: rows -> network input (N, ...). train: rows to train on.
    """
    network.to(device)
    inputs, labels = encode(train), torch.from_numpy(train.label)
    dev = fold.dev.take(np.flatnonzero(fold.dev.present())) if len(fold.dev) else fold.dev
    held = encode(dev) if len(dev) else None

    def losses(numbers: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = network(inputs[numbers].to(device))[0]
        return {"emotion": functional.cross_entropy(logits, labels[numbers].to(device))}

    def score(candidate: nn.Module) -> dict[str, float]:
        return scores(_outputs(candidate, held, device)[0] if len(dev) else None, dev.label)

    schedule = pace.schedule(len(train))
    state = fit(network, copy.deepcopy(network).eval(), len(train), losses, score, schedule, checkpoint)
    stored = {f"network.{name}": value.cpu().numpy() for name, value in state.best.items()}
    stored[PRIOR] = np.bincount(train.label, minlength=len(fold.classes)) / len(train)
    return stored, state, facts(network, state)


def applied(network: nn.Module, encode: Encode, state: dict, rows: Rows, width: int, device: str) -> Output:
    """Probabilities and vectors (N, width) of the rows. network: as in training; its weights are read from `state`."""
    weights = _table.part("network", state)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    network.to(device).eval()
    probabilities = np.tile(state[PRIOR].astype(np.float32), (len(rows), 1))
    vectors = np.zeros((len(rows), width), np.float32)
    present = np.flatnonzero(rows.present()) if len(rows) else []
    if len(present):
        logits, values = _outputs(network, encode(rows.take(present)), device)
        probabilities[present], vectors[present] = logits.softmax(1).numpy(), values.numpy()
    return Output(probabilities, extras={EXTRA: Ragged(vectors, np.arange(len(rows) + 1))})


def _outputs(network: nn.Module, inputs: torch.Tensor, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode():
        parts = [network(part.to(device)) for part in inputs.split(SCORED)]
    return tuple(torch.cat(values).float().cpu() for values in zip(*parts, strict=True))


def scores(logits: torch.Tensor | None, label: np.ndarray) -> dict[str, float]:
    """Accuracy and log loss on dev; NaN without rows. logits: float32 (N, C) on the CPU."""
    if logits is None:
        return {"dev_accuracy": math.nan, "dev_loss": math.nan}
    truth = torch.from_numpy(label)
    accuracy = (logits.argmax(1) == truth).double().mean()
    return {"dev_accuracy": float(accuracy), "dev_loss": float(functional.cross_entropy(logits, truth))}


def facts(network: nn.Module, state: State) -> dict:
    """Epoch that was kept, its dev scores (None if undefined), and number of parameters."""
    chosen = state.history[state.chosen - 1]
    known = {name: value if math.isfinite(value) else None for name, value in chosen.items() if "dev_" in name}
    return {"epoch": chosen["epoch"], "parameters": sum(p.numel() for p in network.parameters())} | known
