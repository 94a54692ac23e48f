"""Image augmentation, zip to zip (decode, transform, encode), against the CLIP stage that reads its pictures; one core.

CLIP has random weights: the work is the same. A ratio above 1 means that augmentation is not what one waits for.
"""

import tempfile
import zipfile
from pathlib import Path

import numpy as np

from benchmarks._timing import compare
from benchmarks.clip import BATCH, jpegs
from emospace.encoders import clip
from emospace.pictures import Frames, add
from emospace.views import frames_aug
from emospace.weights import Weights

ROWS, FRAMES = 32, 2  # utterances, pictures of each; enough for each of the six transforms to be drawn


def pack(path: Path) -> list[str]:
    """A frames view of smooth pictures; returns its ids."""
    draw = np.random.default_rng(0)
    names = [f"u{i}" for i in range(ROWS)]
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            for k in range(FRAMES):
                add(archive, name, k, jpegs(draw))
    return names


def measure() -> list[dict]:
    """Both stages on the same pictures. Augmentation works in one thread anyway; here CLIP does too."""
    import torch

    if torch.cuda.is_available():
        raise RuntimeError("this compares work on one core: hide the GPU by CUDA_VISIBLE_DEVICES=")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return [row(Path(folder))]
    finally:
        torch.set_num_threads(threads)


def row(folder: Path) -> dict:
    weights = Weights("clip", folder, "random", "", "", {}, True, "benchmark")
    encoder = clip.load(weights=weights, precision="fp32", batch=BATCH)
    names = pack(folder / "frames.zip")

    def augment() -> None:
        problems, facts = frames_aug.extract(folder / "frames.zip", folder / "aug.zip", names, seed=0)
        assert not problems and facts["frames"] == ROWS * FRAMES and all(facts["transforms"].values()), facts

    def embed() -> None:
        with Frames(folder / "aug.zip") as view:
            assert sum(len(made) for made in encoder([view.row(name) for name in names])) == ROWS * FRAMES

    augment()
    slow, fast = compare(embed, augment)
    count = ROWS * FRAMES
    note = f"{count / fast:.0f} pictures/s, the CLIP stage {count / slow:.1f}; random weights, one thread each"
    name = "image augmentation / CLIP stage ViT-B/32 fp32, pictures per second"
    return {"name": name, "ratio": round(slow / fast, 2), "target": 3.0, "note": note}


if __name__ == "__main__":
    for result in measure():
        print(result)
