"""An epoch of the published unified space from ragged stores, against one .npy file per utterance and input.

Utterances of 0.6 to 34 s with IEMOCAP's median and 95th percentile, MFCC at 22.05 kHz, one frame per second, and an
augmented copy of each. The network has the published size, and both ways compute the same losses and weights. The naive
way loads the files of every row in every step, pads sequences to the longest of the corpus, and runs each direction of
an LSTM over the padding, which a mask then leaves out of the mean. Opening the stores counts. Costs are CPU seconds.
"""

import copy
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks._timing import Claim, compare
from emospace.core import store
from emospace.core.data import Rows
from emospace.core.store import Ragged
from emospace.models._cross_modal import CrossModal, Objective, Terms, key
from emospace.models.unified.resident import DeviceRows

UTTERANCES, BATCH, CLASSES = 192, 64, 4
RATE = 22050 / 512  # MFCC steps per second
INPUTS = {"audio.mfcc": 20, "frames.clip": 512, "text.sbert": 768}
SHAPES = {name: (dims, name != "text.sbert") for name, dims in INPUTS.items()}
TERMS = {"emotion": 1.0, "gender": 1.0, "reconstruction": 1.0, "contrastive": 1.0, "copies": 1.0}
WHOLE = 1 << 40  # steps: no sequence is cut


def seconds(count: int) -> np.ndarray:
    """Durations like those of IEMOCAP: median 3.5 s, 95 % below 10.5 s, the longest 34.1 s."""
    drawn = np.exp(np.random.default_rng(0).normal(np.log(3.5), 0.67, count)).clip(0.58, 34.1)
    drawn[0] = 34.1
    return drawn


def write(folder: Path) -> None:
    """Write originals and copies twice: in stores, and as one file per utterance, input and version."""
    random, durations = np.random.default_rng(1), seconds(UTTERANCES)
    steps = {"audio.mfcc": durations * RATE + 1, "frames.clip": np.maximum(1, np.rint(durations))}
    for name, dims in INPUTS.items():
        lengths = steps.get(name, np.ones(UTTERANCES)).astype(int)
        for version in ("original", "copy"):
            rows = [random.standard_normal((n, dims), dtype=np.float32) for n in lengths]
            store.write(folder / f"{version}.{name}.npy", rows, dtype=np.float32)
            (folder / version / name).mkdir(parents=True)
            for i, row in enumerate(rows):
                np.save(folder / version / name / f"{i}.npy", row)


def labels() -> tuple[np.ndarray, np.ndarray]:
    return np.arange(UTTERANCES) % CLASSES, np.arange(UTTERANCES) // CLASSES % 2


# Ours ----------------------------------------------------------------------------------------------------------


def rows(folder: Path) -> Rows:
    """The rows as training reads them: each original has one child per input."""
    stores = {v: {n: Ragged.open(folder / f"{v}.{n}.npy") for n in INPUTS} for v in ("original", "copy")}
    inputs = {}
    for name in INPUTS:
        original, made = list(stores["original"][name]), list(stores["copy"][name])
        versions = [original, *(made if other == name else original for other in INPUTS)]
        inputs[name] = store.stack([row for version in versions for row in version], [stores["original"][name]])
    label, gender = (np.tile(values, 1 + len(INPUTS)) for values in labels())
    parent = np.concatenate([np.full(UTTERANCES, -1), np.tile(np.arange(UTTERANCES), len(INPUTS))])
    names = [str(i) for i in range(len(label))]
    return Rows(names, names, inputs, label, gender, np.full((len(label), 3), np.nan, np.float32), parent)


def stored(folder: Path, network: CrossModal, order: torch.Tensor) -> list[float]:
    """Train an epoch from the stores; return the loss of each step."""
    objective = Objective(DeviceRows(rows(folder), torch.device("cpu"), WHOLE), list(INPUTS), Terms(TERMS, 0.1, False))
    return steps(network, order, lambda numbers: objective.losses(objective.outputs(network, numbers)))


# Naive ---------------------------------------------------------------------------------------------------------


class Padded(CrossModal):
    """The same network, which runs each direction of an LSTM over the padding. A missing sequence is all padding."""

    def _vector(self, name: str, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        if key(name) not in self.lstms:
            return values[:, 0]
        inside = (torch.arange(values.shape[1]) < length[:, None])[..., None]
        readings = values, backwards(values, length)
        states = [lstm(reading)[0] for lstm, reading in zip(self.lstms[key(name)], readings, strict=True)]
        return (torch.cat(states, 2) * inside).sum(1) / length.clamp(min=1)[:, None]


def backwards(values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """Each sequence in reverse order, its padding still at the end."""
    place = torch.arange(values.shape[1])
    place = torch.where(place < length[:, None], length[:, None] - 1 - place, place)
    return values.gather(1, place[..., None].expand_as(values))


def loaded(folder: Path, version: str, numbers: torch.Tensor, longest: dict[str, int]) -> dict:
    """A batch from one file per utterance and input, padded to the longest of the corpus."""
    batch = {}
    for name, dims in INPUTS.items():
        files = [np.load(folder / version / name / f"{i}.npy") for i in numbers.tolist()]
        padded = np.zeros((len(files), longest[name], dims), np.float32)
        for row, file in zip(padded, files, strict=True):
            row[: len(file)] = file
        batch[name] = torch.from_numpy(padded), torch.tensor([len(file) for file in files])
    return batch


def naive(folder: Path, network: CrossModal, order: torch.Tensor) -> list[float]:
    """Train an epoch in the naive way; return the loss of each step."""
    network.__class__ = Padded
    longest = {n: max(len(np.load(p)) for p in (folder / "original" / n).iterdir()) for n in INPUTS}
    known, terms = (
        Rows([""] * UTTERANCES, [], {}, *labels(), np.zeros((UTTERANCES, 3), np.float32)),
        Terms(TERMS, 0.1, False),
    )
    objective = Objective(DeviceRows(known, torch.device("cpu")), [], terms)

    def losses(numbers: torch.Tensor) -> dict[str, torch.Tensor]:
        outputs = [network(loaded(folder, version, numbers, longest)) for version in ("original", "copy")]
        return objective.losses([(numbers, output) for output in outputs])

    return steps(network, order, losses)


def steps(network: CrossModal, order: torch.Tensor, losses) -> list[float]:
    """Take the steps of an epoch with Adam; return the loss of each."""
    optimiser, totals = torch.optim.Adam(network.parameters(), lr=0.002), []
    for numbers in order.split(BATCH):
        optimiser.zero_grad()
        loss = sum(losses(numbers).values())
        loss.backward()
        optimiser.step()
        totals.append(loss.item())
    return totals


def cpu(work: Callable) -> float:
    """CPU seconds of a call, which has one thread."""
    start = time.process_time()
    work()
    return time.process_time() - start


def fresh() -> CrossModal:
    """The network of the published size, without dropout, whose draws would differ."""
    torch.manual_seed(0)
    return CrossModal(SHAPES, CLASSES, 384, 2000, 1000, 0.0)


def measure() -> list[dict]:
    torch.set_num_threads(1)
    start = fresh()
    order = torch.randperm(UTTERANCES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        results = {way.__name__: way(folder, copy.deepcopy(start), order) for way in (naive, stored)}
        assert np.allclose(results["naive"], results["stored"], rtol=1e-4), results
        ways = {way.__name__: lambda way=way: way(folder, copy.deepcopy(start), order) for way in (naive, stored)}
        note = f"{UTTERANCES} utterances of 0.6 to 34 s with copies, batches of {BATCH}, published size"
        claim = Claim("an epoch of the published unified space, over .npy files", "naive", "stored", 5, note)
        return compare(ways, [claim], most=6, clock=cpu)


if __name__ == "__main__":
    print(measure())
