"""Hidden states of speech networks of transformers: wav2vec 2.0, HuBERT, WavLM, data2vec, UniSpeech, SEW, Whisper, ...

Clips longer than 30 s are encoded in windows of 30 s. Clips are padded to the longest in their batch, with a mask, if
padding changes no state. If it does (wav2vec 2.0 base and HuBERT base normalise over time; data2vec convolves masked
samples), only clips of equal length share a batch.
"""

import math
from collections.abc import Sequence

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Count, Positive, Precision, Several
from emospace.features.encoders import _hf
from emospace.features.encoders._layers import LAST
from emospace.features.encoders._steps import pooled, states_per_step
from emospace.weights.record import Weights

VIEWS = ("audio",)
WEIGHTS = True
GPU = True
PACKAGES = _hf.PACKAGES

WINDOW = 30  # seconds
MASKED = {"wav2vec2", "hubert", "wavlm"}  # types whose mask hides all padding, unless they normalise over time
LEAST = 0.1  # seconds; shorter clips are padded with silence, or they would have no state


def load(
    *,
    layers: Several[int] = LAST,
    per_second: Positive = 12.5,
    precision: Precision = "fp32",
    batch: Count = 8,
    weights: Weights | None = None,
    rate: int,
) -> "Audio":
    """Speech encoder: int16 clips (T,) -> float32 (steps, layers x width).

    layers: 0 is the input of the first layer, -1 the last layer; several are concatenated. per_second: steps of the
    feature, each the mean of a whole number of states. precision: fp32, bf16 (CUDA only), or auto. batch: clips per
    forward pass. rate: of the view, Hz. Raises InputError for weights that are missing or not of a speech network,
    and for a rate other than the network's.
    """
    network, extractor, facts = _hf.load(weights, precision, "AutoFeatureExtractor", "hf_audio")
    if extractor.sampling_rate != rate:
        remedy = f"use an audio view with sample_rate: {extractor.sampling_rate}"
        reason = f"it takes {extractor.sampling_rate} Hz, but the view is at {rate}"
        raise InputError(weights.directory, reason, remedy)
    if not hasattr(network.config, "conv_stride") and network.main_input_name != "input_features":
        reason = f"{facts['network']} is not a supported speech network"
        raise InputError(weights.directory, reason, "use wav2vec 2.0, HuBERT, WavLM, data2vec, UniSpeech, SEW, Whisper")
    return Audio(network, extractor, _hf.layers_of(network, layers, "hf_audio"), per_second, batch, facts)


class Audio:
    """Encode clips; see `load`."""

    batch = 64

    def __init__(self, network, extractor, layers: list[int], per_second: float, size: int, facts: dict):
        self.network, self.extractor, self.layers, self.size = network, extractor, layers, size
        self.rate, self.waves = extractor.sampling_rate, hasattr(network.config, "conv_stride")
        self.stride = math.prod(network.config.conv_stride) if self.waves else 2 * extractor.hop_length
        self.pool = states_per_step(self.rate / self.stride, per_second, "hf_audio")
        self.masked = self.waves and network.config.model_type in MASKED and network.config.feat_extract_norm == "layer"
        self.facts = facts | {"layers": layers, "steps_per_second": self.rate / self.stride / self.pool}

    def __call__(self, items: Sequence[np.ndarray], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (steps, layers x width) of each clip, in order."""
        window = WINDOW * self.rate
        starts = [(i, start) for i, clip in enumerate(items) for start in range(0, len(clip), window)]
        pieces = [np.asarray(items[i][start : start + window], np.float32) / 32768 for i, start in starts]
        states: list[list[np.ndarray]] = [[] for _ in items]
        for (i, _), rows in zip(starts, self._encode(pieces), strict=True):
            states[i].append(rows)
        return [pooled(np.concatenate(rows), self.pool) for rows in states]

    def _encode(self, pieces: list[np.ndarray]) -> list[np.ndarray]:
        """Return the states of each piece."""
        if self.masked or not self.waves:
            sizes = [len(piece) for piece in pieces]
            return _hf.in_order(sizes, self.size, lambda indices: self._batch([pieces[i] for i in indices]))
        by_length: dict[int, list[int]] = {}
        for i, piece in enumerate(pieces):
            by_length.setdefault(len(piece), []).append(i)
        states: dict[int, np.ndarray] = {}
        for group in by_length.values():
            for start in range(0, len(group), self.size):
                indices = group[start : start + self.size]
                states |= zip(indices, self._batch([pieces[i] for i in indices]), strict=True)
        return [states[i] for i in range(len(pieces))]

    def _batch(self, pieces: list[np.ndarray]) -> list[np.ndarray]:
        least = round(LEAST * self.rate)
        padded = [np.pad(piece, (0, max(0, least - len(piece)))) for piece in pieces]
        options = {"padding": True, "return_attention_mask": self.masked} if self.waves else {}
        inputs = self.extractor(padded, sampling_rate=self.rate, return_tensors="pt", **options)
        states = _hf.states(self.network, dict(inputs), self.layers).numpy()
        return [rows[: self._states(len(piece))] for rows, piece in zip(states, padded, strict=True)]

    def _states(self, samples: int) -> int:
        """Return the number of states of a clip."""
        if not self.waves:
            return math.ceil(samples / self.stride)
        for kernel, stride in zip(self.network.config.conv_kernel, self.network.config.conv_stride, strict=True):
            samples = (samples - kernel) // stride + 1
        return samples
