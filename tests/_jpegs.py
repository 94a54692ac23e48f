"""JPEG images for tests of image encoders."""

import io

import numpy as np
from PIL import Image


def jpeg(width: int, height: int, seed: int = 0, mode: str = "RGB") -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((width, height)).convert(mode).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()
