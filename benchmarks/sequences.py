"""CPU time of a training epoch of an acoustic BLSTM with attention from the store, against one .npy per utterance.

Lengths are distributed like those of IEMOCAP (median 3.5 s, 95 % below 10.5 s, at most 34 s), with a step of 40 ms to
save time; there are as many rows as a training sorts by length at a time (`training.loop.POOL` batches). Both sides
train the same network on the same batches, with masked pooling. Ours makes batches of similar lengths from the store,
padded to the longest row of the batch; the naive way loads the file of each row and pads to the longest row of the
corpus. The losses are equal.
"""

import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare, cpu
from emospace.core import store
from emospace.training.loop import POOL

BATCH, WIDTH, CLASSES = 32, 65, 4
UTTERANCES = POOL * BATCH
STEP, MEDIAN, SPREAD, LONGEST = 0.04, 3.5, 0.67, 34.1  # seconds; standard deviation of the logarithm


def write(folder: Path) -> None:
    """Write the same rows twice: in a store, and as one file per row."""
    random = np.random.default_rng(0)
    seconds = np.clip(MEDIAN * np.exp(SPREAD * random.standard_normal(UTTERANCES)), 0.6, LONGEST)
    seconds[0] = LONGEST
    rows = [random.standard_normal((round(n / STEP), WIDTH), dtype=np.float32) for n in seconds]
    store.write(folder / "rows.npy", rows, dtype=np.float32)
    (folder / "each").mkdir()
    for k, row in enumerate(rows):
        np.save(folder / "each" / f"{k}.npy", row)


def packed(folder: Path, order) -> Iterator:
    """Yield batches as training makes them."""
    from emospace.core.data import Rows
    from emospace.models._blstm import Sequences

    rows = store.Ragged.open(folder / "rows.npy")
    unknown = np.full(UTTERANCES, -1)
    names, ratings = [""] * UTTERANCES, np.zeros((UTTERANCES, 3), np.float32)
    sequences = Sequences(Rows(names, names, {"x": rows}, unknown, unknown, ratings), ["x"])
    return (sequences[numbers] for numbers in order.split(BATCH))


def one_by_one(folder: Path, order) -> Iterator:
    """Yield the same rows in the naive way: load the file of each row, pad to the longest of the corpus, stack."""
    import torch

    from emospace.models._blstm import Batch

    longest = max(len(np.load(path, mmap_mode="r")) for path in (folder / "each").iterdir())
    for numbers in order.split(BATCH):
        rows = [torch.from_numpy(np.load(folder / "each" / f"{k}.npy")) for k in numbers.tolist()]
        padded = torch.zeros(len(rows), longest, WIDTH)
        for place, row in zip(padded, rows, strict=True):
            place[: len(row)] = row
        yield Batch({"x": padded}, {"x": torch.tensor([len(row) for row in rows])})


def epoch(network, batches: Iterator, order, labels) -> list[float]:
    """Train a copy of the network for an epoch; return the loss of each batch."""
    import torch
    from torch.nn import functional

    network, losses = copy.deepcopy(network).train(), []
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    for numbers, batch in zip(order.split(BATCH), batches, strict=True):
        loss = functional.cross_entropy(network(batch)[0], labels[numbers])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def measure() -> list[dict]:
    import torch

    from emospace.models._blstm import Encoder, Unimodal
    from emospace.training.loop import order_of

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        lengths = torch.from_numpy(store.Ragged.open(folder / "rows.npy").lengths)
        order, labels = order_of(UTTERANCES, BATCH, lengths), torch.arange(UTTERANCES) % CLASSES
        network, losses = Unimodal(CLASSES, "x", Encoder(WIDTH, 128, 2, "attention", 64)), {}

        def way(batches):
            losses[batches] = epoch(network, batches(folder, order), order, labels)

        note = f"{UTTERANCES} utterances, batches of {BATCH}"
        claim = Claim(
            "epoch of attention over frames, over one .npy each padded to the longest", "naive", "ours", 5, note
        )
        rows = compare({"naive": lambda: way(one_by_one), "ours": lambda: way(packed)}, [claim], most=5, clock=cpu)
        np.testing.assert_allclose(losses[packed], losses[one_by_one], rtol=1e-3)
    return rows


if __name__ == "__main__":
    print(measure())
