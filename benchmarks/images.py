"""Image augmentation, zip to zip (decode, transform, encode), against the CLIP stage that reads its pictures; one core.

CLIP has random weights, since its cost does not depend on them. Above a ratio of 1, augmentation is no bottleneck.
"""

import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmarks._timing import Claim, compare
from benchmarks.clip import BATCH, jpegs
from emospace.features.encoders import clip
from emospace.media.pictures import Frames, add
from emospace.views import frames_aug
from emospace.weights.record import Weights

ROWS, FRAMES = 32, 2  # utterances, pictures per utterance; enough that each of the six transforms is drawn


def pack(path: Path) -> list[str]:
    """Write a frames view of smooth pictures; return its ids."""
    draw = np.random.default_rng(0)
    names = [f"u{i}" for i in range(ROWS)]
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            for k in range(FRAMES):
                add(archive, name, k, jpegs(draw))
    return names


def measure() -> list[dict]:
    """Compare both stages on the same pictures. Augmentation has one thread anyway; here CLIP has one too."""
    import torch

    if torch.cuda.is_available():
        raise RuntimeError("this benchmark compares work on one core: hide the GPU with CUDA_VISIBLE_DEVICES=")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return rows(Path(folder))
    finally:
        torch.set_num_threads(threads)


def rows(folder: Path) -> list[dict]:
    weights = Weights("clip", folder, "random", "", "", {}, True, "benchmark")
    encoder = clip.load(weights=weights, precision="fp32", batch=BATCH)
    names = pack(folder / "frames.zip")
    copied = [SimpleNamespace(utterance=name) for name in names]  # the only field that `augment` reads

    def augment() -> None:
        problems, facts = frames_aug.augment(copied, folder / "frames.zip", folder / "aug.zip", seed=0)
        assert not problems and facts["frames"] == ROWS * FRAMES and all(facts["transforms"].values()), facts

    def embed() -> None:
        with Frames(folder / "aug.zip") as view:
            assert sum(len(made) for made in encoder([view.row(name) for name in names], names)) == ROWS * FRAMES

    augment()
    name = "image augmentation / CLIP stage ViT-B/32 fp32, pictures per second"
    claim = Claim(name, "embed", "augment", 3, f"{ROWS * FRAMES} pictures, random weights, one thread each")
    return compare({"embed": embed, "augment": augment}, [claim])


if __name__ == "__main__":
    for result in measure():
        print(result)
