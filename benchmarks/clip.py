"""The CLIP stage, from JPEG bytes to features, against the bare ViT-B/32 on batches already in memory.

Weights are random, since the cost does not depend on them. A ratio of 1 would mean that decoding, resizing and
cropping cost nothing.
"""

import io
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare
from emospace.core import batching
from emospace.features.encoders import clip
from emospace.weights.record import Weights

ROWS, FRAMES, SIZE = 8, 4, (298, 224)  # utterances, frames per utterance, size in pixels as stored by the frames view
BATCH = 32


def jpegs(draw: np.random.Generator) -> bytes:
    """Return a smooth picture, compressed like a frame."""
    from PIL import Image

    buffer = io.BytesIO()
    coarse = Image.fromarray(draw.integers(0, 255, (14, 18, 3), dtype=np.uint8))
    coarse.resize(SIZE, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def rows(precision: str) -> list[dict]:
    import torch

    draw = np.random.default_rng(0)
    views = [[jpegs(draw) for _ in range(FRAMES)] for _ in range(ROWS)]
    weights = Weights("clip", Path(tempfile.gettempdir()), "random", "", "", {}, True, "benchmark")
    encoder = clip.load(weights=weights, precision=precision, batch=BATCH)
    pictures = encoder.tensor(encoder.pixels([jpeg for view in views for jpeg in view]))
    batches = torch.split(pictures, BATCH)

    def bare() -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([encoder.network.encode_image(b) for b in batches]).float().cpu().numpy()

    def stage() -> np.ndarray:
        return np.concatenate(
            [made for i in range(0, ROWS, encoder.batch) for made in encoder(views[i : i + encoder.batch], [])]
        )

    np.testing.assert_allclose(stage(), bare(), atol=1e-4)
    # Many short passes: one of many seconds would be likely to meet other load on the machine.
    name, note = f"CLIP stage / bare model, {precision}, batch {BATCH}", f"{torch.get_num_threads()} threads"
    return compare({"bare": bare, "stage": stage}, [Claim(name, "bare", "stage", 0.85, note)], least=6)


def measure() -> list[dict]:
    """Measure in fp32, and in bf16 where this machine is fast at it."""
    fast = batching.precision("auto", batching.device())
    return [row for precision in sorted({"fp32", fast}, reverse=True) for row in rows(precision)]


if __name__ == "__main__":
    print(measure())
