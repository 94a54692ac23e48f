"""The training loop of torch models: one loop to read in one sitting, resumable to the bit on the CPU.

Each epoch walks the train rows in a random order, then scores dev with an exponential moving average of the weights.
The best epoch on dev is kept, or the last one; training stops when `patience` epochs brought nothing better. Test rows
never come near.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from tqdm import tqdm

from emospace.core.option_types import Decay, Optimiser
from emospace.training import checkpoints
from emospace.training.checkpoints import Tensors

Losses = dict[str, torch.Tensor]
Scores = dict[str, float]
SLOTS = {"adamw": ("exp_avg", "exp_avg_sq"), "adam": ("exp_avg", "exp_avg_sq"), "sgd": ("momentum_buffer",)}
MOMENTUM = 0.9  # of SGD
STEPS, FACTOR = 3, 0.1  # of the decay "step": the rate falls to a tenth after each third of the steps
CHEAP = 0.25  # seconds: a checkpoint that takes no longer is written after each epoch
IDLE = 20  # a larger one waits until training has gone on for this many times as long as it took


@dataclass(frozen=True)
class Schedule:
    """How long, how fast, and what is kept.

    lr: peak learning rate; warmup: share of the steps in which it rises; decay: how it falls after that. average: decay
    of the moving average (0: none). clip: largest norm of the gradient (0: no limit). watch: the score on dev that
    chooses the epoch and ends training, lower for names that end in "loss", else higher. keep: the best epoch or the
    last one; with "last" nothing ends training early. save_every: epochs from one checkpoint to the next, at least.
    """

    epochs: int
    patience: int
    batch: int
    lr: float
    weight_decay: float
    optimiser: Optimiser = "adamw"
    warmup: float = 0.15
    decay: Decay = "cosine"
    average: float = 0.97
    clip: float = 2.0
    watch: str = "dev_ua"
    keep: Literal["best", "last"] = "best"
    save_every: int = 1


class State:
    """All that changes during training: network, moving average, optimiser, random numbers, history.

    best: the weights that are kept; chosen: number of their epoch, counted from 1.
    """

    def __init__(self, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, schedule: Schedule):
        self.network, self.average, self.optimiser, self.schedule = network, average, optimiser, schedule
        self.history: list[dict] = []
        self.best: dict[str, torch.Tensor] = {}

    @property
    def chosen(self) -> int:
        """The best epoch by what is watched, or the last one if that is kept or nothing could be watched."""
        ranks = _ranks(self.history, self.schedule.watch)
        return ranks.index(max(ranks)) + 1 if self.schedule.keep == "best" and any(ranks) else len(self.history)

    def keep(self) -> None:
        """Take over the weights of this epoch if they are those to keep, so far."""
        if self.chosen == len(self.history):
            self.best = {k: v.detach().clone() for k, v in self.average.state_dict().items()}

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
            tensors |= {f"optimiser/{i}/{k}": torch.as_tensor(v) for k, v in slots.items() if v is not None}
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
            shapes = {"step": torch.Size()} | dict.fromkeys(SLOTS[self.schedule.optimiser], parameter.shape)
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


def learning_rate(step: int, steps: int, warmup: float, decay: Decay = "cosine") -> float:
    """Factor of the peak rate: a linear rise, then the decay, over what is left of the steps, to zero.

    "step" falls to a tenth after each third, "constant" stays.
    """
    rise = max(1, round(steps * warmup)) if warmup else 0
    if step < rise:
        return (step + 1) / rise
    share = (step - rise) / max(1, steps - rise)
    if decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * share))
    return {"linear": 1 - share, "step": FACTOR ** int(STEPS * share), "constant": 1.0}[decay]


def fit(
    network: nn.Module,
    average: nn.Module,
    rows: int,
    losses: Callable[[torch.Tensor], Losses],
    score: Callable[[nn.Module], Scores],
    schedule: Schedule,
    checkpoint: Path,
) -> State:
    """Train any network; returns the state with `best` (the weights that are kept), `chosen` and `history`.

    average: a copy of the network for the moving average, in evaluation mode. rows: number of train rows. losses(batch
    of rows) gives named losses of the network, already weighted. score(average) gives named scores on dev, NaN where
    dev has no label: if what is watched is never a number, the last epoch is kept. checkpoint: folder of the state.
    """
    state = State(network, average, _optimiser(network, schedule), schedule)
    state.restore(checkpoint)
    saved, written = Clock(), len(state.history)
    per_epoch = max(1, rows // schedule.batch)
    bar = tqdm(total=schedule.epochs, initial=len(state.history), desc="epoch", disable=None)
    while len(state.history) < schedule.epochs and not _exhausted(state.history, schedule):
        totals = _epoch(state, rows, per_epoch, losses, schedule)
        state.history.append({"epoch": len(state.history) + 1, **score(average), **totals})
        state.keep()
        if len(state.history) % schedule.save_every == 0 and saved.due():
            saved.time(lambda: state.save(checkpoint))
            written = len(state.history)
        bar.update()
        bar.set_postfix({name: f"{state.history[-1][name]:.3f}" for name in (schedule.watch, "loss")})
    bar.close()
    if written < len(state.history):
        state.save(checkpoint)
    if not any(_ranks(state.history, schedule.watch)) and schedule.keep == "best":
        logging.warning("%s was never a number: the last epoch is kept, and nothing was chosen", schedule.watch)
    return state


class Clock:
    """Lets checkpoints take a twentieth of the time at most, however large they are."""

    def __init__(self):
        self.end, self.took = time.monotonic(), 0.0

    def due(self) -> bool:
        """Was the last checkpoint cheap, or long enough ago?"""
        return self.took <= CHEAP or time.monotonic() - self.end >= IDLE * self.took

    def time(self, write: Callable[[], None]) -> None:
        """Write a checkpoint and note how long it took."""
        start = time.monotonic()
        write()
        self.end = time.monotonic()
        self.took = self.end - start


def _optimiser(network: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """The optimiser. Only matrices decay: biases and scales of normalisations do not."""
    plain = [p for p in network.parameters() if p.ndim < 2]
    matrices = [p for p in network.parameters() if p.ndim >= 2]
    groups = [{"params": matrices, "weight_decay": schedule.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    if schedule.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=schedule.lr, momentum=MOMENTUM)
    return {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[schedule.optimiser](groups, lr=schedule.lr)


def _ranks(history: Iterable[dict], watch: str) -> list[tuple]:
    """What is watched of each epoch, higher for better; () where it is no number."""
    sign = -1 if watch.endswith("loss") else 1
    return [(sign * line[watch],) if math.isfinite(line[watch]) else () for line in history]


def _exhausted(history: list[dict], schedule: Schedule) -> bool:
    """Has the best epoch been left `patience` epochs behind?"""
    ranks = _ranks(history, schedule.watch)
    if schedule.keep == "last" or not any(ranks):
        return False
    return len(ranks) - 1 - ranks.index(max(ranks)) >= schedule.patience


def _epoch(state: State, rows: int, per_epoch: int, losses: Callable, schedule: Schedule) -> dict[str, float]:
    """One pass over the train rows; returns the mean of every loss."""
    state.network.train()
    order = torch.randperm(rows)
    totals: dict[str, float] = {}
    for b in range(per_epoch):
        step = len(state.history) * per_epoch + b
        rate = learning_rate(step, schedule.epochs * per_epoch, schedule.warmup, schedule.decay)
        for group in state.optimiser.param_groups:
            group["lr"] = schedule.lr * rate
        found = losses(order[b * schedule.batch : (b + 1) * schedule.batch])
        found["loss"] = sum(found.values())
        state.optimiser.zero_grad(set_to_none=True)
        found["loss"].backward()
        nn.utils.clip_grad_norm_(state.network.parameters(), schedule.clip or math.inf)
        state.optimiser.step()
        _move_average(state.average, state.network, min(schedule.average, (1 + step) / (10 + step)))
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
