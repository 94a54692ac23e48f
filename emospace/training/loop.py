"""The training loop of torch models, resumable to the bit on the CPU.

Each epoch visits the train rows in random order, then scores dev with an exponential moving average of the weights.
The best epoch on dev or the last one is kept; training stops after `patience` epochs without improvement. The loop has
no access to test rows.
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
from emospace.training.rates import Plateau, learning_rate, signed

Losses = dict[str, torch.Tensor]
Scores = dict[str, float]
SLOTS = {"adamw": ("exp_avg", "exp_avg_sq"), "adam": ("exp_avg", "exp_avg_sq"), "sgd": ("momentum_buffer",)}
CHEAP = 0.25  # seconds: a checkpoint that writes this fast is written whenever one is due
POOL = 32  # batches drawn together, in which rows of similar lengths share a batch
IDLE = 20  # a slower one only after this many times its write time


@dataclass(frozen=True)
class Schedule:
    """Length of training, optimisation, epoch selection and checkpoints.

    lr: peak learning rate; warmup: share of the steps with a rising rate; decay: schedule after that. average: decay of
    the moving average (0: none). clip: largest gradient norm (0: no limit). watch: the dev score for epoch selection
    and early stopping, minimised if its name ends in "loss", else maximised. keep: the best or the last epoch; "last"
    disables early stopping. save_every: minimum number of epochs between checkpoints. momentum: of SGD. plateau: a
    further reduction of the rate, after epochs without improvement.
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
    momentum: float = 0.9
    plateau: Plateau | None = None


class State:
    """State of a training: network, moving average, optimiser, random generator, history.

    best: the weights to keep; chosen: the number of their epoch, from 1.
    """

    def __init__(self, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, schedule: Schedule):
        self.network, self.average, self.optimiser, self.schedule = network, average, optimiser, schedule
        self.history: list[dict] = []
        self.best: dict[str, torch.Tensor] = {}

    @property
    def chosen(self) -> int:
        """The epoch with the best watched score; the last one if `keep` is "last" or no epoch has a score."""
        ranks = _ranks(self.history, self.schedule.watch)
        return ranks.index(max(ranks)) + 1 if self.schedule.keep == "best" and any(ranks) else len(self.history)

    def keep(self) -> None:
        """Copy the weights of the current epoch to `best` if it is the chosen one so far."""
        if self.chosen == len(self.history):
            self.best = {k: v.detach().clone() for k, v in self.average.state_dict().items()}

    def save(self, folder: Path) -> None:
        """Write a checkpoint atomically, as one safetensors file."""
        checkpoints.write(folder / checkpoints.NAME, self._tensors(), self.history)

    def restore(self, folder: Path) -> bool:
        """Load the checkpoint, if any, and return whether one was loaded. A damaged one is deleted and ignored."""
        path = folder / checkpoints.NAME
        if not path.exists():
            return False
        try:
            tensors, history = checkpoints.read(path)
            self._check(tensors)
        except checkpoints.DAMAGE as error:
            logging.warning(
                "%s is damaged (%s); training restarts from the beginning", path, " ".join(str(error).split())
            )
            path.unlink()
            return False
        self._load(tensors)
        self.history = history
        logging.info("resumed after epoch %d", len(self.history))
        return True

    def _tensors(self) -> Tensors:
        """The state but its history, copied to the CPU: network/..., average/..., best/..., optimiser/..., random."""
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"best/{k}": v for k, v in self.best.items()}
        for i, slots in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{i}/{k}": torch.as_tensor(v) for k, v in slots.items() if v is not None}
        tensors["random"] = torch.get_rng_state()
        return {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}

    def _check(self, tensors: Tensors) -> None:
        """Raise ValueError unless names and shapes of the tensors match this state, so that no load is partial."""
        required = self._tensors()
        best = {key.replace("average/", "best/", 1): v for key, v in required.items() if key.startswith("average/")}
        required |= best
        if missing := sorted(required.keys() - tensors.keys()):
            raise ValueError(f"it lacks {missing[0]}")
        allowed = {key: value.shape for key, value in required.items()}
        parameters = (p for group in self.optimiser.param_groups for p in group["params"])
        for i, parameter in enumerate(parameters):
            shapes = {"step": torch.Size()} | dict.fromkeys(SLOTS[self.schedule.optimiser], parameter.shape)
            allowed |= {f"optimiser/{i}/{name}": shape for name, shape in shapes.items()}
        for key, value in tensors.items():
            if allowed.get(key) != value.shape:
                raise ValueError(f"its tensor {key} of shape {tuple(value.shape)} does not fit the model")

    def _load(self, tensors: Tensors) -> None:
        parts: dict[str, Tensors] = {name: {} for name in ("network", "average", "best", "optimiser", "random")}
        for key, value in tensors.items():
            top, _, rest = key.partition("/")
            parts[top][rest] = value
        self.network.load_state_dict(parts["network"])
        self.average.load_state_dict(parts["average"])
        self.best = parts["best"]
        slots: dict[int, dict] = {}
        for key, value in parts["optimiser"].items():
            number, _, name = key.partition("/")
            slots.setdefault(int(number), {})[name] = value
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": slots})
        torch.set_rng_state(parts["random"][""])


def fit(
    network: nn.Module,
    average: nn.Module,
    rows: int,
    losses: Callable[[torch.Tensor], Losses],
    score: Callable[[nn.Module], Scores],
    schedule: Schedule,
    checkpoint: Path,
    lengths: torch.Tensor | None = None,
) -> State:
    """Train a network; returns the state with `best` (the weights to keep), `chosen` and `history`.

    average: a copy of the network for the moving average, in evaluation mode. rows: number of train rows. losses(row
    numbers of a batch): weighted losses of the network by name. score(average): scores on dev by name, NaN if dev has
    no labels; if the watched score is always NaN, the last epoch is kept. checkpoint: folder of the checkpoint.
    lengths: steps of each row (rows,); rows of similar lengths then share a batch, which saves padding.
    """
    state = State(network, average, _optimiser(network, schedule), schedule)
    state.restore(checkpoint)
    clock, written = CheckpointClock(), len(state.history)
    per_epoch = max(1, rows // schedule.batch)
    bar = tqdm(total=schedule.epochs, initial=len(state.history), desc="epoch", disable=None)
    while len(state.history) < schedule.epochs and not _exhausted(state.history, schedule):
        totals = _epoch(state, rows, per_epoch, losses, schedule, lengths)
        state.history.append({"epoch": len(state.history) + 1, **score(average), **totals})
        state.keep()
        if len(state.history) % schedule.save_every == 0 and clock.due():
            clock.time(lambda: state.save(checkpoint))
            written = len(state.history)
        bar.update()
        bar.set_postfix({name: f"{state.history[-1][name]:.3f}" for name in (schedule.watch, "loss")})
    bar.close()
    if written < len(state.history):
        state.save(checkpoint)
    if not any(_ranks(state.history, schedule.watch)) and schedule.keep == "best":
        logging.warning("%s is NaN in all epochs: the last epoch is kept, without selection", schedule.watch)
    return state


class CheckpointClock:
    """Limits the time spent on slow checkpoints to about a twentieth of the training time."""

    def __init__(self):
        self.end, self.duration = time.monotonic(), 0.0

    def due(self) -> bool:
        """Whether the last checkpoint was cheap, or is long enough ago."""
        return self.duration <= CHEAP or time.monotonic() - self.end >= IDLE * self.duration

    def time(self, write: Callable[[], None]) -> None:
        """Write a checkpoint and record the time it took."""
        start = time.monotonic()
        write()
        self.end = time.monotonic()
        self.duration = self.end - start


def _optimiser(network: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """The optimiser, with weight decay for matrices only, not for biases and normalisation scales."""
    vectors = [p for p in network.parameters() if p.ndim < 2]
    matrices = [p for p in network.parameters() if p.ndim >= 2]
    groups = [{"params": matrices, "weight_decay": schedule.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    if schedule.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=schedule.lr, momentum=schedule.momentum)
    return {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[schedule.optimiser](groups, lr=schedule.lr)


def _ranks(history: Iterable[dict], watch: str) -> list[tuple]:
    """Watched score of each epoch, signed so that higher is better; () for NaN, which ranks lowest."""
    return [(score,) if math.isfinite(score) else () for score in signed(history, watch)]


def _exhausted(history: list[dict], schedule: Schedule) -> bool:
    """Whether the best epoch is at least `patience` epochs ago."""
    ranks = _ranks(history, schedule.watch)
    if schedule.keep == "last" or not any(ranks):
        return False
    return len(ranks) - 1 - ranks.index(max(ranks)) >= schedule.patience


def order_of(rows: int, batch: int, lengths: torch.Tensor | None = None) -> torch.Tensor:
    """Random order of the rows. With lengths, rows of similar lengths share a batch; rows that fill none are left out.

    The rows are drawn at random into pools of POOL batches and sorted within a pool; the order of batches is random.
    """
    order = torch.randperm(rows)
    if lengths is None or rows < batch:
        return order
    pools = order[: rows // batch * batch].split(batch * POOL)
    batches = torch.cat([pool[lengths[pool].argsort(stable=True)].view(-1, batch) for pool in pools])
    return batches[torch.randperm(len(batches))].flatten()


def _epoch(
    state: State, rows: int, per_epoch: int, losses: Callable, schedule: Schedule, lengths: torch.Tensor | None = None
) -> dict[str, float]:
    """Make one pass over the train rows; returns the mean of each loss."""
    state.network.train()
    order = order_of(rows, schedule.batch, lengths)
    totals: dict[str, torch.Tensor] = {}
    reduced = schedule.plateau.rate(state.history) if schedule.plateau else 1.0
    for b in range(per_epoch):
        step = len(state.history) * per_epoch + b
        rate = reduced * learning_rate(step, schedule.epochs * per_epoch, schedule.warmup, schedule.decay)
        for name, value in _step(state, order[b * schedule.batch : (b + 1) * schedule.batch], step, rate, losses):
            totals[name] = totals.get(name, 0.0) + value / per_epoch
    return {name: float(total) for name, total in totals.items()}  # read once an epoch: a GPU would wait for each


def _step(state: State, rows: torch.Tensor, step: int, rate: float, losses: Callable) -> Iterable[tuple]:
    """Make one step at a factor of the peak learning rate; returns the losses by name, still on the device."""
    schedule = state.schedule
    for group in state.optimiser.param_groups:
        group["lr"] = schedule.lr * rate
    values = losses(rows)
    values["loss"] = sum(values.values())
    state.optimiser.zero_grad(set_to_none=True)
    values["loss"].backward()
    nn.utils.clip_grad_norm_(state.network.parameters(), schedule.clip or math.inf)
    state.optimiser.step()
    _move_average(state.average, state.network, min(schedule.average, (1 + step) / (10 + step)))
    return [(name, value.detach()) for name, value in values.items()]


@torch.no_grad()
def _move_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * network; running statistics are copied."""
    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)
    for mean, value in zip(average.buffers(), network.buffers(), strict=True):
        mean.copy_(value)
