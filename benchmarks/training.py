"""CPU seconds of a training epoch of the unified space, against bare forward and backward passes of its network.

720 train rows like those of a RAVDESS fold: MFCC (90 to 160 steps of 20) and the states of a speech encoder (35 to 60
steps of 384), eight classes, batches of 64. The bare passes use prepared batches without noise, and a sum as the loss.
A training epoch draws and distorts batches, computes all losses, clips gradients, takes optimiser steps, and averages
the weights.

`python -m benchmarks.training` also prints the CPU seconds of a whole training and, with a GPU, its steps and kernels.
"""

import copy
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare, cpu

ROWS, CLASSES, BATCH = 720, 8, 64
INPUTS = {"audio.mfcc": (20, "cepstral", 90, 160), "audio.whisper": (384, "sequence", 35, 60)}
HIGHEST = 1.3  # cost of an epoch as a multiple of the bare passes


def rows():
    from emospace.core.data import Rows
    from emospace.core.store import Ragged

    random = np.random.default_rng(0)
    inputs = {}
    for name, (dims, _, least, most) in INPUTS.items():
        offsets = np.concatenate([[0], random.integers(least, most, ROWS).cumsum()])
        inputs[name] = Ragged(random.standard_normal((offsets[-1], dims), dtype=np.float32), offsets)
    label, unrated = np.arange(ROWS) % CLASSES, np.full((ROWS, 3), np.nan, np.float32)
    return Rows([""] * ROWS, [""] * ROWS, inputs, label, label % 2, unrated)


def prepared(device: str = "cpu") -> dict[str, Callable]:
    """Return both implementations, each of as many steps as an epoch has."""
    import torch

    from emospace.models.unified import unit_space
    from emospace.models.unified.objective import Objective
    from emospace.models.unified.resident import DeviceRows
    from emospace.training import loop

    torch.manual_seed(0)
    resident = DeviceRows(rows(), torch.device(device))
    shapes = {name: (dims, form) for name, (dims, form, *_) in INPUTS.items()}
    network = unit_space.Space(shapes, CLASSES, 96, 128, 48, 0.3).to(device)
    network.fit_scales(resident)
    weights = {"gender": 0.2, "vad": 0.1, "reconstruction": 0.1, "contrastive": 0.3, "alignment": 0.1, "children": 0.1}
    noise = {"label_smoothing": 0.2, "modality_dropout": 0.2, "distortion": 1.0, "vocal_tract": 0.1}
    losses = Objective(network, resident, weights, **noise, rates={"audio.mfcc": 16_000})
    schedule = loop.Schedule(1, 1, BATCH, 1e-3, 0.05)
    state = loop.State(network, copy.deepcopy(network), loop._optimiser(network, schedule), schedule)
    steps = ROWS // BATCH
    ready = [network.standardise(resident.batch(torch.randperm(ROWS)[:BATCH], network.names)) for _ in range(steps)]

    def bare() -> None:
        network.train()
        for batch in ready:
            used = {name: length > 0 for name, (_, length) in batch.items()}
            output = network(batch, used)
            parts = [*output.points.values(), output.gender, output.vad, *output.decoded.values()]
            network.zero_grad(set_to_none=True)
            sum(part.sum() for part in parts).backward()

    return {"bare": bare, "trained": lambda: loop._epoch(state, ROWS, steps, losses, schedule)}


def measure() -> list[dict]:
    note = f"{ROWS} rows, MFCC and a speech encoder; at most {HIGHEST} times the bare passes"
    claim = Claim("an epoch of the unified space, over bare passes", "bare", "trained", round(1 / HIGHEST, 3), note)
    return compare(prepared(), [claim], clock=cpu)


def fold_seconds() -> float:
    """Return the CPU seconds of a complete training on these rows with default options."""
    from emospace.core.data import Fold
    from emospace.models import unified

    known = rows()
    about = {name: {"holds": form, "rate": 16_000} for name, (_, form, *_) in INPUTS.items()}
    dev = known.take(np.arange(180))
    fold = Fold([str(k) for k in range(CLASSES)], known, dev, dev, about=about)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        unified.train(fold, seed=1, checkpoint=Path(folder))
        return time.process_time() - start


def on_gpu() -> dict[str, float]:
    """Return the milliseconds of a step, those in which the GPU computes, and the number of kernels."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    epoch, steps = prepared("cuda")["trained"], ROWS // BATCH

    def seconds() -> float:
        start = time.perf_counter()
        epoch()
        torch.cuda.synchronize()
        return time.perf_counter() - start

    seconds()  # libraries choose their algorithms
    step = 1000 * seconds() / steps
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as record:
        seconds()
    events = [event for event in record.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    kernels = [event for event in events if not event.name.startswith(("Mem", "Optimizer"))]
    busy = sum(event.device_time for event in kernels) / 1000 / steps
    return {"ms per step": step, "ms of the GPU": busy, "kernels per step": len(kernels) / steps}


if __name__ == "__main__":
    import torch

    print(measure(), fold_seconds(), on_gpu() if torch.cuda.is_available() else "no GPU")
