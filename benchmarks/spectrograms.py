"""Batches of spectrograms for training from the store, against one picture file per utterance and epoch.

1,000 images of 130 x 128 in batches of 32 for five epochs, in the same random orders. Both sides start from files and
produce equal tensors. The store is read once, as in training.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare
from emospace.core import store

UTTERANCES, BATCH, STEPS, BANDS = 1000, 32, 130, 128
EPOCHS = 5
DECIBELS = 80 / 255  # per grey level


def write(folder: Path) -> None:
    """Write the same images twice: packed, and as one PNG per image."""
    from PIL import Image

    levels = np.random.default_rng(0).integers(0, 256, (UTTERANCES, STEPS, BANDS), np.uint8)
    store.write(folder / "mel.npy", (shown(one) for one in levels), dtype=np.float32)
    for i, one in enumerate(levels):
        Image.fromarray(one).save(folder / f"{i}.png")


def shown(levels: np.ndarray) -> np.ndarray:
    """Convert grey levels to dB."""
    return levels.astype(np.float32) * np.float32(DECIBELS) - np.float32(80)


def packed(folder: Path, order):
    """Yield batches as training makes them."""
    from emospace.core.data import Rows
    from emospace.models.audio_cnn import _images

    inputs = {"audio.mel": store.Ragged.open(folder / "mel.npy")}
    unknown = np.full(UTTERANCES, -1)
    names = [""] * UTTERANCES
    images = _images(Rows(names, names, inputs, unknown, unknown, np.zeros((UTTERANCES, 3))), [STEPS, BANDS])
    for numbers in order.split(BATCH):
        yield images[numbers]


def one_by_one(folder: Path, order):
    """Yield batches in the naive way: open the picture of each row, stack."""
    import torch
    from PIL import Image

    for numbers in order.split(BATCH):
        images = [torch.from_numpy(shown(np.asarray(Image.open(folder / f"{i}.png")))) for i in numbers.tolist()]
        yield torch.stack(images)


def exhaust(batches) -> None:
    for _ in batches:
        pass


def measure() -> list[dict]:
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    order = torch.cat([torch.randperm(UTTERANCES) for _ in range(EPOCHS)])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        for fast, slow in zip(packed(folder, order), one_by_one(folder, order), strict=True):
            assert torch.equal(fast, slow)
        ways = {"naive": lambda: exhaust(one_by_one(folder, order)), "ours": lambda: exhaust(packed(folder, order))}
        note = f"{UTTERANCES} images of {STEPS} x {BANDS}, batches of {BATCH}, {EPOCHS} epochs"
        return compare(
            ways, [Claim("batches of spectrograms, over one picture each", "naive", "ours", 5, note)], least=3
        )


if __name__ == "__main__":
    print(measure())
