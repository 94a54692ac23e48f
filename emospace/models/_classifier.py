"""Train and apply a torch classifier whose network also returns a hidden vector per row.

Inputs are tensors (N, ...), or sequences of different lengths (_blstm.Sequences); both are indexed with row numbers.

Training skips rows without any input. Their prediction is the class shares of the train rows, and their vector is zero.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from emospace.models._blstm import Sequences

SCORED = 128  # rows per batch at inference
EXTRA = "hidden"  # name of the vectors among the extras
PRIOR = "prior"  # class shares of the train rows, in the state
Details = dict[str, list[torch.Tensor]]  # name of an extra -> (steps, E) of each row
Encode = Callable[[Rows], "torch.Tensor | Sequences"]


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

    network: (B, ...) -> logits (B, C), vectors (B, E), perhaps Details. encode: rows -> network input (N, ...). train:
    rows to train on.
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
    state = fit(
        network, copy.deepcopy(network).eval(), len(train), losses, score, schedule, checkpoint, _lengths(inputs)
    )
    stored = {f"network.{name}": value.cpu().numpy() for name, value in state.best.items()}
    stored[PRIOR] = np.bincount(train.label, minlength=len(fold.classes)) / len(train)
    return stored, state, facts(network, state)


def applied(network: nn.Module, encode: Encode, state: dict, rows: Rows, width: int, device: str) -> Output:
    """Probabilities and vectors (N, width) of the rows. network: as in training; its weights are read from `state`."""
    weights = _table.part("network", state)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    network.to(device).eval()
    probabilities = np.tile(state[PRIOR].astype(np.float32), (len(rows), 1))
    vectors, details = np.zeros((len(rows), width), np.float32), {}
    present = np.flatnonzero(rows.present()) if len(rows) else []
    if len(present):
        logits, values, details = _outputs(network, encode(rows.take(present)), device)
        probabilities[present], vectors[present] = logits.softmax(1).numpy(), values.numpy()
    ragged = {name: _ragged(parts, present, len(rows)) for name, parts in details.items()}
    return Output(probabilities, extras={EXTRA: Ragged(vectors, np.arange(len(rows) + 1))} | ragged)


def _lengths(inputs: "torch.Tensor | Sequences") -> torch.Tensor | None:
    """Steps of each row (N,), or None if all have one length."""
    return None if isinstance(inputs, torch.Tensor) else inputs.lengths


def _outputs(network: nn.Module, inputs, device: str) -> tuple[torch.Tensor, torch.Tensor, Details]:
    """Logits, vectors and details of all rows, in order."""
    lengths = _lengths(inputs)
    order = torch.arange(len(inputs)) if lengths is None else lengths.argsort(stable=True)
    with torch.inference_mode():
        parts = [network(inputs[numbers].to(device)) for numbers in order.split(SCORED)]
    back = order.argsort()
    logits, vectors = (torch.cat(values).float().cpu()[back] for values in list(zip(*parts, strict=True))[:2])
    details = [part[2] for part in parts if len(part) > 2]
    joined = {name: [row for one in details for row in one[name]] for name in (details[0] if details else ())}
    return logits, vectors, {name: [rows[k] for k in back] for name, rows in joined.items()}


def _ragged(parts: list[torch.Tensor], present: np.ndarray, count: int) -> Ragged:
    """The details of the present rows, with no step for the others."""
    lengths = np.zeros(count, np.int64)
    lengths[present] = [len(part) for part in parts]
    return Ragged(torch.cat(parts).float().cpu().numpy(), np.concatenate([[0], np.cumsum(lengths)]))


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
