"""Batches of one training epoch from the packed stores, against one .npy file per utterance and input.

10,000 utterances with MFCC (60 to 220 steps of 20 values), pictures (8 x 512) and a sentence (768), in padded batches
of 64 and the same random order. Both sides start from files and produce equal tensors. Opening and packing are timed.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare
from emospace.core import store

UTTERANCES, BATCH = 10_000, 64
SHAPES = {"audio.mfcc": 20, "frames.clip": 512, "text.sbert": 768}


def write(folder: Path) -> None:
    """Write the same rows twice: packed, and as one file per row."""
    rng = np.random.default_rng(0)
    lengths = {"audio.mfcc": rng.integers(60, 221, UTTERANCES), "frames.clip": [8] * UTTERANCES}
    for name, dims in SHAPES.items():
        steps = lengths.get(name, [1] * UTTERANCES)
        rows = [rng.standard_normal((int(n), dims), dtype=np.float32) for n in steps]
        store.write(folder / f"{name}.npy", rows, dtype=np.float32)
        (folder / name).mkdir()
        for i, row in enumerate(rows):
            np.save(folder / name / f"{i}.npy", row)


def packed(folder: Path, order) -> list:
    """Yield batches as training makes them."""
    import torch

    from emospace.core.data import Rows
    from emospace.models.unified.resident import DeviceRows

    inputs = {name: store.Ragged.open(folder / f"{name}.npy") for name in SHAPES}
    unknown = np.full(UTTERANCES, -1)
    rows = Rows([""] * UTTERANCES, [""] * UTTERANCES, inputs, unknown, unknown, np.zeros((UTTERANCES, 3), np.float32))
    resident = DeviceRows(rows, torch.device("cpu"))
    for numbers in order.split(BATCH):
        yield resident.batch(numbers, list(SHAPES))


def one_by_one(folder: Path, order) -> list:
    """Yield batches in the naive way: load the file of each row, pad, stack."""
    import torch

    for numbers in order.split(BATCH):
        batch = {}
        for name in SHAPES:
            rows = [torch.from_numpy(np.load(folder / name / f"{i}.npy")) for i in numbers.tolist()]
            lengths = torch.tensor([len(row) for row in rows])
            batch[name] = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths
        yield batch


def check(folder: Path, order) -> None:
    """Assert that both ways make the same batches, except that ours may have more padding."""
    import torch

    for fast, slow in zip(packed(folder, order), one_by_one(folder, order), strict=True):
        for key in SHAPES:
            steps = slow[key][0].shape[1]
            assert torch.equal(fast[key][0][:, :steps], slow[key][0]) and torch.equal(fast[key][1], slow[key][1])


def exhaust(batches) -> None:
    for _ in batches:
        pass


def measure() -> list[dict]:
    import torch

    torch.manual_seed(0)
    order = torch.randperm(UTTERANCES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        check(folder, order[:256])
        ways = {"naive": lambda: exhaust(one_by_one(folder, order)), "ours": lambda: exhaust(packed(folder, order))}
        note = f"{UTTERANCES} utterances, three inputs, batches of {BATCH}"
        return compare(ways, [Claim("batches of an epoch, over one .npy each", "naive", "ours", 10, note)], least=5)


if __name__ == "__main__":
    print(measure())
