"""States of a picture network of transformers: ViT and its kin (DeiT, BEiT, DINOv2, ...)."""

import io
from collections.abc import Sequence
from typing import Literal

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Count, Precision, Several
from emospace.features.encoders import _hf
from emospace.weights.record import Weights

VIEWS = ("frames",)
WEIGHTS = True
PACKAGES = (*_hf.PACKAGES, "torchvision", "pillow")


def load(
    *,
    layers: Several[int] = _hf.LAST,
    pool: Literal["first", "mean"] = "first",
    precision: Precision = "fp32",
    batch: Count = 32,
    weights: Weights | None = None,
) -> "Images":
    """Encoder of pictures: lists of JPEGs -> float32 (frames, layers x width).

    layers: 0 is what enters the first, -1 the last; several stand side by side. pool: the first state ([CLS]), or the
    mean of all states. precision: fp32, bf16 or auto. batch: pictures per pass. Raises InputError where the weights are
    missing or no network of pictures with states in a row.
    """
    network, processor, facts = _hf.loaded(weights, precision, "AutoImageProcessor", "hf_image")
    if network.main_input_name != "pixel_values" or not hasattr(network.config, "num_hidden_layers"):
        reason = f"{facts['network']} is no transformer of pictures"
        raise InputError(weights.directory, reason, "use ViT or its kin; CLIP has an encoder of its own, clip")
    return Images(network, processor, _hf.layers_of(network, layers, "hf_image"), pool, batch, facts)


class Images:
    """Encodes lists of JPEGs; see `load`."""

    batch = 64

    def __init__(self, network, processor, layers: list[int], pool: str, size: int, facts: dict):
        self.network, self.processor, self.layers, self.pool, self.size = network, processor, layers, pool, size
        self.facts = facts | {"layers": layers, "pool": pool}

    def __call__(self, items: Sequence[list[bytes]], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (frames, layers x width) of each list of JPEGs, in order."""
        jpegs = [jpeg for row in items for jpeg in row]
        made = np.concatenate([self._batch(jpegs[i : i + self.size]) for i in range(0, len(jpegs), self.size)])
        return np.split(made, np.cumsum([len(row) for row in items])[:-1])

    def _batch(self, jpegs: list[bytes]) -> np.ndarray:
        from PIL import Image

        pictures = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in jpegs]
        found = _hf.states(self.network, dict(self.processor(pictures, return_tensors="pt")), self.layers).numpy()
        return found[:, 0] if self.pool == "first" else found.mean(1)
