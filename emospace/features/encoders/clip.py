"""CLIP embeddings of images and texts in one space (Radford et al. 2021), by open_clip; ViT-B/32 by default.

Features are normalised only if `normalise` is set. OpenAI's weights belong to the architecture ViT-B-32-quickgelu;
loaded into plain ViT-B-32, they would give wrong features without an error.
"""

import io
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from emospace.core import batching, torchvision_shim
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Precision
from emospace.weights.record import REMEDY, Weights

VIEWS = ("frames", "text")
WEIGHTS = True
GPU = True
PACKAGES = ("torch", "open_clip_torch", "torchvision", "pillow")

DEFAULT = "ViT-B-32-quickgelu"
SEED = 0  # of random weights: equal on every machine and in every job
WINDOW = 16  # batches per call: the next batch is prepared while the model works


def load(
    *,
    model: str | None = None,
    precision: Precision = "fp32",
    batch: Count = 32,
    normalise: bool = False,
    view: str = "frames",
    weights: Weights | None = None,
) -> "Images | Texts":
    """CLIP encoder: lists of JPEGs -> float32 (frames, D), or texts -> float32 (1, D); D is 512 for ViT-B/32.

    model: an architecture of open_clip; by default that of open_clip_config.json among the weights, else OpenAI's
    ViT-B/32. precision: fp32, bf16 or auto. batch: images or texts per forward pass. Raises InputError for weights that
    are missing or of another architecture; random weights are drawn only if the record marks them as random.
    """
    if weights is None:
        raise InputError("encoder clip", "it needs pretrained weights", REMEDY)
    device = batching.device()
    precision = batching.precision(precision, device)
    network, name = _network(model, weights, precision, device)
    facts = {
        "model": "open_clip_config.json" if ":" in name else name,
        "precision": precision,
        "device": device.type,
        "normalise": normalise,
    }
    if view == "text":
        return Texts(network, name, batch, normalise, facts)
    return Images(network, precision, batch, normalise, facts)


@contextmanager
def _demoted_warning(random: bool):
    """Log open_clip's warning about random weights as information if the record marks them as random."""

    def demote(record: logging.LogRecord) -> bool:
        if random and str(record.msg).startswith("No pretrained weights"):
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True

    root = logging.getLogger()  # open_clip logs to the root logger
    root.addFilter(demote)
    try:
        yield
    finally:
        root.removeFilter(demote)


def _network(model: str | None, weights: Weights, precision: str, device):
    """Load the network in evaluation mode; return it with the name under which open_clip finds its tokenizer."""
    torchvision_shim.ensure()
    import open_clip
    import torch

    own = model is None and "open_clip_config.json" in weights.files
    name = f"local-dir:{weights.directory}" if own else model or DEFAULT
    if not own and name not in open_clip.list_models():
        reason = f"open_clip has no architecture {name!r}"
        raise InputError("encoder clip: option model", reason, "see open_clip.list_models()")
    file = None if weights.random or own else str(weights.path("open_clip_model.safetensors"))
    try:
        with torch.random.fork_rng(devices=[]), _demoted_warning(weights.random):
            torch.manual_seed(SEED)
            network = open_clip.create_model(
                name, file, precision=precision, device=device, require_pretrained=not weights.random
            )
    except Exception as error:  # open_clip asserts; torch and safetensors raise errors of their own
        reason = f"its weights do not fit the architecture {name!r} ({(str(error) or repr(error)).splitlines()[0]})"
        raise InputError(
            weights.directory, reason, "set the option `model` to the architecture of these weights"
        ) from error
    return network.eval(), name


class _Clip:
    """Common part of both encoders. facts: for the sidecar."""

    def __init__(self, network, batch: int, normalise: bool, facts: dict):
        self.network, self.size, self.normalise, self.facts = network, batch, normalise, facts
        self.device = next(network.parameters()).device

    def _forward(self, tower, tensor) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return tower(tensor, normalize=self.normalise).float().cpu().numpy()


class Texts(_Clip):
    """Encode texts; see `load`. Repeated texts are encoded once; texts are truncated to the model's context."""

    def __init__(self, network, name: str, batch: int, normalise: bool, facts: dict):
        import open_clip

        super().__init__(network, batch, normalise, facts)
        self.batch = WINDOW * batch
        self.tokenizer = open_clip.get_tokenizer(name)
        self.facts = {**facts, "context_length": network.context_length}

    def __call__(self, items: Sequence[str], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (1, D) of each text."""
        texts = sorted(set(items))
        embeddings = {}
        for start in range(0, len(texts), self.size):
            batch = texts[start : start + self.size]
            tokens = self.tokenizer(batch).to(self.device)
            embeddings.update(zip(batch, self._forward(self.network.encode_text, tokens), strict=True))
        return [embeddings[text][None] for text in items]


class Images(_Clip):
    """Encode lists of JPEGs; see `load`."""

    def __init__(self, network, precision: str, batch: int, normalise: bool, facts: dict):
        import torch
        from open_clip.transform import PreprocessCfg, image_transform_v2

        settings = PreprocessCfg(**network.visual.preprocess_cfg)
        super().__init__(network, batch, normalise, facts)
        self.batch = max(WINDOW * batch // 8, 1)  # rows: an utterance has about 8 frames
        # Resize and crop as open_clip does; its last two steps (to tensor, normalise) are applied to whole batches.
        official = image_transform_v2(settings, is_train=False)
        self.transform = official.transforms[:-2]
        self.facts = {**facts, "transform": " ".join(str(official).split())}
        self.pool = ThreadPoolExecutor(torch.get_num_threads())  # decoding releases the interpreter lock
        self.dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self.mean, self.std = (torch.tensor(v, device=self.device).view(3, 1, 1) for v in (settings.mean, settings.std))

    def __call__(self, items: Sequence[list[bytes]], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (frames, D) of each list of JPEGs."""
        jpegs = [jpeg for row in items for jpeg in row]
        batches = (jpegs[i : i + self.size] for i in range(0, len(jpegs), self.size))
        # Prefetch for a GPU only: on a CPU, preparing the next batch would compete with the model's threads.
        ready = batching.ahead(self.pixels, batches) if self.device.type == "cuda" else map(self.pixels, batches)
        embeddings = np.concatenate([self._forward(self.network.encode_image, self.tensor(p)) for p in ready])
        return np.split(embeddings, np.cumsum([len(row) for row in items])[:-1])

    def pixels(self, jpegs: list[bytes]) -> np.ndarray:
        """Decode and resize JPEGs: uint8 (B, H, W, 3)."""
        return np.stack(list(self.pool.map(self._decoded, jpegs)))

    def _decoded(self, jpeg: bytes) -> np.ndarray:
        from PIL import Image

        image = Image.open(io.BytesIO(jpeg))
        for step in self.transform:
            image = step(image)
        return np.asarray(image)

    def tensor(self, pixels: np.ndarray):
        """Normalise pixels and move them to the network's device: (B, 3, H, W)."""
        import torch

        tensor = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).float().div_(255)
        return tensor.sub_(self.mean).div_(self.std).to(self.dtype)
