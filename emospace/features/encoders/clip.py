"""CLIP: pictures and words in one space (Radford et al. 2021), by open_clip, ViT-B/32 unless told otherwise.

Features are those of the model, not normalised, unless `normalise` is set. OpenAI's weights belong to the
architecture ViT-B-32-quickgelu; loaded into plain ViT-B-32 they would give wrong features without any complaint.
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
PACKAGES = ("torch", "open_clip_torch", "torchvision", "pillow")

DEFAULT = "ViT-B-32-quickgelu"
SEED = 0  # of weights that are random: the same on every machine and in every job
WINDOW = 16  # batches per call, so that the next batch is ready while the model works


def load(
    *,
    model: str | None = None,
    precision: Precision = "fp32",
    batch: Count = 32,
    normalise: bool = False,
    view: str = "frames",
    weights: Weights | None = None,
) -> "Pictures | Texts":
    """CLIP encoder: lists of JPEGs -> float32 (frames, D), or texts -> float32 (1, D); D is 512 for ViT-B/32.

    model: an architecture of open_clip; by default what the weights' own open_clip_config.json says, else ViT-B/32 of
    OpenAI. precision: fp32, bf16 or auto. batch: pictures or texts per pass. Raises InputError where the weights are
    missing or belong to another architecture; random ones are drawn only where the record says that they are random.
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
    return Pictures(network, precision, batch, normalise, facts)


@contextmanager
def _unsurprised(random: bool):
    """Where the record says that weights are random, open_clip's warning that they are is no more than information."""

    def demote(record: logging.LogRecord) -> bool:
        if random and str(record.msg).startswith("No pretrained weights"):
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True

    root = logging.getLogger()  # which open_clip logs with
    root.addFilter(demote)
    try:
        yield
    finally:
        root.removeFilter(demote)


def _network(model: str | None, weights: Weights, precision: str, device):
    """The network in evaluation mode, and the name to look its tokenizer up by."""
    torchvision_shim.ensure()
    import open_clip
    import torch

    own = model is None and "open_clip_config.json" in weights.files
    name = f"local-dir:{weights.directory}" if own else model or DEFAULT
    if not own and name not in open_clip.list_models():
        raise InputError("encoder clip: option model", f"open_clip has no architecture {name!r}", "see its list_models")
    file = None if weights.random or own else str(weights.path("open_clip_model.safetensors"))
    try:
        with torch.random.fork_rng(devices=[]), _unsurprised(weights.random):
            torch.manual_seed(SEED)
            network = open_clip.create_model(
                name, file, precision=precision, device=device, require_pretrained=not weights.random
            )
    except Exception as error:  # open_clip asserts, torch and safetensors raise errors of their own
        reason = f"its weights do not fit the architecture {name!r} ({(str(error) or repr(error)).splitlines()[0]})"
        raise InputError(weights.directory, reason, "set the encoder's option `model` to theirs") from error
    return network.eval(), name


class _Clip:
    """What both sides share. facts: transform and number format, for the sidecar."""

    def __init__(self, network, batch: int, normalise: bool, facts: dict):
        self.network, self.size, self.normalise, self.facts = network, batch, normalise, facts
        self.device = next(network.parameters()).device

    def _pass(self, tower, tensor) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return tower(tensor, normalize=self.normalise).float().cpu().numpy()


class Texts(_Clip):
    """Encodes texts; see `load`. A text that occurs again is encoded once; beyond the model's context it is cut."""

    def __init__(self, network, name: str, batch: int, normalise: bool, facts: dict):
        import open_clip

        super().__init__(network, batch, normalise, facts)
        self.batch = WINDOW * batch
        self.tokenizer = open_clip.get_tokenizer(name)
        self.facts = {**facts, "context_length": network.context_length}

    def __call__(self, items: Sequence[str], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (1, D) of each text."""
        texts = sorted(set(items))
        made = {}
        for start in range(0, len(texts), self.size):
            some = texts[start : start + self.size]
            made.update(
                zip(some, self._pass(self.network.encode_text, self.tokenizer(some).to(self.device)), strict=True)
            )
        return [made[text][None] for text in items]


class Pictures(_Clip):
    """Encodes lists of JPEGs; see `load`."""

    def __init__(self, network, precision: str, batch: int, normalise: bool, facts: dict):
        import torch
        from open_clip.transform import PreprocessCfg, image_transform_v2

        settings = PreprocessCfg(**network.visual.preprocess_cfg)
        super().__init__(network, batch, normalise, facts)
        self.batch = max(WINDOW * batch // 8, 1)  # rows: an utterance has some 8 frames
        # Resizing and cropping as open_clip does; its last two steps (to a tensor, normalise) are done batch by batch.
        official = image_transform_v2(settings, is_train=False)
        self.transform = official.transforms[:-2]
        self.facts = {**facts, "transform": " ".join(str(official).split())}
        self.pool = ThreadPoolExecutor(torch.get_num_threads())  # decoding leaves Python's lock
        self.number = torch.bfloat16 if precision == "bf16" else torch.float32
        self.mean, self.std = (torch.tensor(v, device=self.device).view(3, 1, 1) for v in (settings.mean, settings.std))

    def __call__(self, items: Sequence[list[bytes]], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (frames, D) of each list of JPEGs."""
        jpegs = [jpeg for row in items for jpeg in row]
        some = (jpegs[i : i + self.size] for i in range(0, len(jpegs), self.size))
        # A GPU need not wait for the next batch; on a CPU, making it meanwhile would only hold up the model's threads.
        ready = batching.ahead(self.pixels, some) if self.device.type == "cuda" else map(self.pixels, some)
        made = np.concatenate([self._pass(self.network.encode_image, self.tensor(pixels)) for pixels in ready])
        return np.split(made, np.cumsum([len(row) for row in items])[:-1])

    def pixels(self, jpegs: list[bytes]) -> np.ndarray:
        """Pictures as uint8 (B, H, W, 3)."""
        return np.stack(list(self.pool.map(self._picture, jpegs)))

    def _picture(self, jpeg: bytes) -> np.ndarray:
        from PIL import Image

        picture = Image.open(io.BytesIO(jpeg))
        for step in self.transform:
            picture = step(picture)
        return np.asarray(picture)

    def tensor(self, pixels: np.ndarray):
        """What the network takes of them: normalised, (B, 3, H, W), on its device."""
        import torch

        tensor = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).float().div_(255)
        return tensor.sub_(self.mean).div_(self.std).to(self.number)
