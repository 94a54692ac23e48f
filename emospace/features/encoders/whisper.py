"""Hidden states of Whisper's encoder (Radford et al. 2022) by CTranslate2, from the weights of faster-whisper.

Whisper pads every clip to 30 s, so most of its work on a short clip is spent on silence. Its encoder takes any even
number of frames; this module pads a clip with one second of silence instead, at about a tenth of the cost. The states
keep a cosine of .90 (1.3 s of speech) to .98 (4 s) with those of the clip padded to 30 s, .03 to .01 more than without
the silence (tests/features/encoders/test_whisper.py).
"""

import math
from collections.abc import Sequence

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Positive, Several
from emospace.features.encoders._ctranslate2 import Model
from emospace.features.encoders._layers import LAST, resolved
from emospace.features.encoders._steps import pooled, states_per_step
from emospace.weights.record import REMEDY, Weights

VIEWS = ("audio",)
WEIGHTS = True
RATE = 16_000  # Hz
PACKAGES = ("ctranslate2", "faster-whisper")

STATE = 320  # samples per state of the encoder
STATES = RATE // STATE  # per second
WINDOW = 30 * RATE  # samples; all positions of Whisper's encoder
SILENCE = RATE  # samples after the end of a clip
GRID = RATE // 2  # samples; padded lengths are multiples of it


def load(
    *, weights: Weights | None, layers: Several[int] = LAST, per_second: Positive = 12.5, threads: int = 1
) -> "Whisper":
    """Speech encoder: int16 clips (T,) at 16 kHz -> float32 (ceil(T / 320 / k), layers x D), means over k states.

    D is 384 for tiny, 512 for base. layers: 1 is the first layer, -1 the last; several are concatenated. The
    network's final normalisation is applied to each. CTranslate2 gives the states of the last layer only, so each layer
    takes a pass through the layers up to it. per_second: steps of the feature; k = 50 / per_second
    must be a whole number. Clips longer than 30 s are encoded in windows of 30 s. Runs on the CPU in fp32, window by
    window, so a clip's features do not depend on other clips. Raises InputError for weights that are missing, damaged
    or random, and for layers that they lack.
    """
    pool = states_per_step(STATES, per_second, "whisper")
    if weights is None or weights.random:
        reason = f"Whisper cannot have random weights ({weights.why})" if weights else "it needs pretrained weights"
        raise InputError(weights.directory if weights else "encoder whisper", reason, REMEDY)
    return Whisper(weights, layers, pool, threads)


def check_load(*, layers: Sequence[int], per_second: float) -> None:
    """Raise InputError unless a step is the mean of a whole number of states."""
    states_per_step(STATES, per_second, "whisper")


class Whisper:
    """Encode clips; see `load`."""

    batch = 64

    def __init__(self, weights: Weights, layers: Sequence[int], pool: int, threads: int):
        from faster_whisper.feature_extractor import FeatureExtractor

        self.models = _networks(weights, layers, threads)
        self.mel, self.pool = FeatureExtractor(feature_size=self.models[0].n_mels), pool
        self.facts = {
            "layers": list(layers),
            "steps_per_second": STATES / pool,
            "heard": "real length and 1 s of silence, in windows of 30 s",
            "precision": "fp32",
            "device": "cpu",
        }

    def __call__(self, items: Sequence[np.ndarray], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (ceil(T_i / 320 / k), layers x D) of each clip, in order."""
        from threadpoolctl import threadpool_limits

        windows = [[clip[start : start + WINDOW] for start in starts(len(clip))] for clip in items]
        with threadpool_limits(1, "blas"):  # over several threads, the mel product differs in the last bits
            return [pooled(np.concatenate([self._encode(piece) for piece in pieces]), self.pool) for pieces in windows]

    def _encode(self, piece: np.ndarray) -> np.ndarray:
        """Return the states (ceil(T / 320), layers x D) of a piece of at most 30 s.

        A batch of pieces would save a tenth of the time, but then the last bits of its states depend on its size.
        """
        from ctranslate2 import StorageView

        mel = StorageView.from_array(self._frames(piece, padded_length(len(piece)))[None])
        states = np.concatenate([np.array(model.encode(mel, to_cpu=True))[0] for model in self.models], axis=1)
        return states[: math.ceil(len(piece) / STATE)]

    def _frames(self, piece: np.ndarray, length: int) -> np.ndarray:
        """Return the log-mel spectrum (mels, length / 160) of a piece that is padded with silence to `length`."""
        padded = np.zeros(length, np.float32)
        padded[: len(piece)] = np.asarray(piece, np.float32) / 32768  # full scale of int16 is 1.0
        return np.asarray(self.mel(padded, padding=0), np.float32)


def _networks(weights: Weights, layers: Sequence[int], threads: int) -> list:
    """Return for each of these layers a network whose last layer it is."""
    from ctranslate2.models import Whisper as Network

    options = {"device": "cpu", "compute_type": "float32", "inter_threads": 1, "intra_threads": threads}
    folder = weights.directory
    try:
        if tuple(layers) == LAST:
            return [Network(str(folder), **options)]
        model = Model(folder / "model.bin")
        others = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".txt")}
        depths = resolved(layers, model.layers, "whisper", first=1)
        return [Network(f"{folder}/{n}", files=others | {"model.bin": model.cut(n)}, **options) for n in depths]
    except (OSError, RuntimeError, ValueError) as error:
        reason = f"cannot be loaded as a CTranslate2 Whisper model ({str(error).splitlines()[0]})"
        raise InputError(folder, reason, f"delete it and {REMEDY}") from error


def starts(length: int) -> range:
    """Return the first samples of the windows of a clip."""
    return range(0, length, WINDOW)


def padded_length(length: int) -> int:
    """Return the padded length in samples: piece and silence, rounded up to GRID, at most WINDOW."""
    return min(WINDOW, -(-(length + SILENCE) // GRID) * GRID)
