"""Hidden states of image networks of transformers: ViT and its variants (DeiT, BEiT, DINOv2, ...)."""

import io
from collections.abc import Sequence
from typing import Literal

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Count, Precision, Several
from emospace.features.encoders import _hf
from emospace.features.encoders._layers import LAST
from emospace.weights.record import Weights

VIEWS = ("frames",)
WEIGHTS = True
GPU = True
PACKAGES = (*_hf.PACKAGES, "torchvision", "pillow")


def load(
    *,
    layers: Several[int] = LAST,
    pool: Literal["first", "mean"] = "first",
    precision: Precision = "fp32",
    batch: Count = 32,
    weights: Weights | None = None,
) -> "Images":
    """Image encoder: lists of JPEGs -> float32 (frames, layers x width).

    layers: 0 is the input of the first layer, -1 the last layer; several are concatenated. pool: the first state
    ([CLS]) or the mean of all states. precision: fp32, bf16 (CUDA only), or auto. batch: images per forward pass.
    Raises InputError for weights that are missing or not of an image transformer.
    """
    network, processor, facts = _hf.load(weights, precision, "AutoImageProcessor", "hf_image")
    if network.main_input_name != "pixel_values" or not hasattr(network.config, "num_hidden_layers"):
        reason = f"{facts['network']} is not an image transformer"
        raise InputError(weights.directory, reason, "use ViT or a variant of it; for CLIP, use the encoder clip")
    return Images(network, processor, _hf.layers_of(network, layers, "hf_image"), pool, batch, facts)


class Images:
    """Encode lists of JPEGs; see `load`."""

    batch = 64

    def __init__(self, network, processor, layers: list[int], pool: str, size: int, facts: dict):
        self.network, self.processor, self.layers, self.pool, self.size = network, processor, layers, pool, size
        self.facts = facts | {"layers": layers, "pool": pool}

    def __call__(self, items: Sequence[list[bytes]], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (frames, layers x width) of each list of JPEGs, in order."""
        jpegs = [jpeg for row in items for jpeg in row]
        states = np.concatenate([self._batch(jpegs[i : i + self.size]) for i in range(0, len(jpegs), self.size)])
        return np.split(states, np.cumsum([len(row) for row in items])[:-1])

    def _batch(self, jpegs: list[bytes]) -> np.ndarray:
        from PIL import Image

        images = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in jpegs]
        states = _hf.states(self.network, dict(self.processor(images, return_tensors="pt")), self.layers).numpy()
        return states[:, 0] if self.pool == "first" else states.mean(1)
