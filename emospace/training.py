"""The training loop of torch models: one loop to read in one sitting, resumable to the bit on the CPU.

Each epoch walks the train rows in a random order, then scores dev with an exponential moving average of the weights.
The best dev epoch is kept; training stops when `patience` epochs brought nothing better. Test rows never come near.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from emospace import checkpoints
from emospace.checkpoints import Tensors

Losses = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. lr: peak learning rate; warmup: share of the steps; decay: of the moving average."""

    epochs: int
    patience: int
    batch: int
    lr: float
    weight_decay: float
    warmup: float = 0.15
    decay: float = 0.97
    clip: float = 2.0


class State:
    """All that changes during training: network, moving average, optimiser, random numbers, history."""

    def __init__(self, network: nn.Module, average: nn.Module, optimiser: torch.optim.AdamW):
        self.network, self.average, self.optimiser = network, average, optimiser
        self.history: list[dict] = []
        self.best: dict[str, torch.Tensor] = {}

    def save(self, folder: Path) -> None:
        """Write a checkpoint atomically, as one safetensors file."""
        checkpoints.write(folder / checkpoints.NAME, self._tensors(), self.history)

    def restore(self, folder: Path) -> bool:
        """Take up a checkpoint if there is one. A damaged one is removed, and all is as if it had never been."""
        path = folder / checkpoints.NAME
        if not path.exists():
            return False
        try:
            tensors, history = checkpoints.read(path)
            self._check(tensors)
        except checkpoints.DAMAGE as error:
            logging.warning("%s is damaged (%s); training starts afresh", path, " ".join(str(error).split()))
            path.unlink()
            return False
        self._take(tensors)
        self.history = history
        logging.info("resumed after epoch %d", len(self.history))
        return True

    def _tensors(self) -> Tensors:
        """All that changes but the history, copied to the CPU: network/..., average/..., best/..., optimiser/..."""
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"best/{k}": v for k, v in self.best.items()}
        for i, slots in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{i}/{k}": torch.as_tensor(v) for k, v in slots.items()}
        tensors["random"] = torch.get_rng_state()
        return {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}

    def _check(self, tensors: Tensors) -> None:
        """Raise ValueError unless each tensor has a place here and its shape: nothing is taken up in part."""
        needed = self._tensors()
        needed |= {key.replace("average/", "best/", 1): v for key, v in needed.items() if key.startswith("average/")}
        if lacking := sorted(needed.keys() - tensors.keys()):
            raise ValueError(f"it lacks {lacking[0]}")
        known = {key: value.shape for key, value in needed.items()}
        parameters = (p for group in self.optimiser.param_groups for p in group["params"])
        for i, parameter in enumerate(parameters):
            shapes = {"step": torch.Size(), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
            known |= {f"optimiser/{i}/{name}": shape for name, shape in shapes.items()}
        for key, value in tensors.items():
            if known.get(key) != value.shape:
                raise ValueError(f"{key} of shape {tuple(value.shape)} has no place")

    def _take(self, tensors: Tensors) -> None:
        part: dict[str, Tensors] = {name: {} for name in ("network", "average", "best", "optimiser", "random")}
        for key, value in tensors.items():
            top, _, rest = key.partition("/")
            part[top][rest] = value
        self.network.load_state_dict(part["network"])
        self.average.load_state_dict(part["average"])
        self.best = part["best"]
        slots: dict[int, dict] = {}
        for key, value in part["optimiser"].items():
            number, _, name = key.partition("/")
            slots.setdefault(int(number), {})[name] = value
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": slots})
        torch.set_rng_state(part["random"][""])


def learning_rate(step: int, steps: int, warmup: float) -> float:
    """Factor of the peak rate: linear warm-up, then half a cosine to zero."""
    rise = max(1, round(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def fit(
    network: nn.Module,
    average: nn.Module,
    rows: int,
    losses: Callable[[torch.Tensor], Losses],
    score: Callable[[nn.Module], float],
    schedule: Schedule,
    checkpoint: Path,
) -> State:
    """Train; returns the state with `best` (weights of the best dev epoch) and `history`.

    average: a copy of the network for the moving average. rows: number of train rows. losses(batch of rows) gives
    named losses of the network, already weighted. score(network) gives dev UA; higher is better.
    """
    plain = [p for p in network.parameters() if p.ndim < 2]
    matrices = [p for p in network.parameters() if p.ndim >= 2]
    groups = [{"params": matrices, "weight_decay": schedule.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=schedule.lr)
    state = State(network, average, optimiser)
    state.restore(checkpoint)
    per_epoch = max(1, rows // schedule.batch)
    bar = tqdm(total=schedule.epochs, initial=len(state.history), desc="epoch", disable=None)
    while len(state.history) < schedule.epochs and not _exhausted(state.history, schedule.patience):
        totals = _epoch(state, rows, per_epoch, losses, schedule)
        found = score(average)
        if found > max((line["dev_ua"] for line in state.history), default=-1.0):
            state.best = {k: v.detach().clone() for k, v in average.state_dict().items()}
        state.history.append({"epoch": len(state.history) + 1, "dev_ua": found, **totals})
        state.save(checkpoint)
        bar.update()
        bar.set_postfix(dev_ua=f"{found:.3f}", loss=f"{totals['loss']:.3f}")
    bar.close()
    return state


def _exhausted(history: list[dict], patience: int) -> bool:
    """Has the best epoch been left `patience` epochs behind?"""
    scores = [line["dev_ua"] for line in history]
    return bool(scores) and len(scores) - 1 - scores.index(max(scores)) >= patience


def _epoch(state: State, rows: int, per_epoch: int, losses: Callable, schedule: Schedule) -> dict[str, float]:
    """One pass over the train rows; returns the mean of every loss."""
    state.network.train()
    order = torch.randperm(rows)
    totals: dict[str, float] = {}
    for b in range(per_epoch):
        step = len(state.history) * per_epoch + b
        for group in state.optimiser.param_groups:
            group["lr"] = schedule.lr * learning_rate(step, schedule.epochs * per_epoch, schedule.warmup)
        found = losses(order[b * schedule.batch : (b + 1) * schedule.batch])
        found["loss"] = sum(found.values())
        state.optimiser.zero_grad(set_to_none=True)
        found["loss"].backward()
        nn.utils.clip_grad_norm_(state.network.parameters(), schedule.clip)
        state.optimiser.step()
        _move_average(state.average, state.network, min(schedule.decay, (1 + step) / (10 + step)))
        for name, value in found.items():
            totals[name] = totals.get(name, 0.0) + float(value.detach()) / per_epoch
    return totals


@torch.no_grad()
def _move_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * network; statistics of batches are copied."""
    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)
    for mean, value in zip(average.buffers(), network.buffers(), strict=True):
        mean.copy_(value)
