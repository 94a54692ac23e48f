"""States of a speech network of transformers: wav2vec 2.0, HuBERT, WavLM, data2vec, UniSpeech, SEW, Whisper, ...

A clip longer than 30 s is heard in windows of 30 s. Clips are padded to the longest of a batch and masked where that
changes no state. Where it does (wav2vec 2.0 base and HuBERT base normalise over time, and data2vec convolves what is
masked) only clips of one length share a batch.
"""

import math
from collections.abc import Sequence

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Count, Positive, Precision, Several
from emospace.features.encoders import _hf
from emospace.features.encoders._steps import pooled, states_a_step
from emospace.weights.record import Weights

VIEWS = ("audio",)
WEIGHTS = True
PACKAGES = _hf.PACKAGES

WINDOW = 30  # seconds
MASKED = {"wav2vec2", "hubert", "wavlm"}  # networks whose mask hides all padding, unless they normalise over time
LEAST = 0.1  # seconds; a shorter clip is followed by silence, for it would leave no state


def load(
    *,
    layers: Several[int] = _hf.LAST,
    per_second: Positive = 12.5,
    precision: Precision = "fp32",
    batch: Count = 8,
    weights: Weights | None = None,
    rate: int,
) -> "Audio":
    """Encoder of speech: int16 clips (T,) -> float32 (steps, layers x width).

    layers: 0 is what enters the first, -1 the last; several stand side by side. per_second: steps of the feature, each
    the mean of a whole number of states. precision: fp32, bf16 or auto. batch: clips per pass. Raises InputError where
    the weights are missing or no network of speech, and where the view's rate is not that of the network.
    """
    network, extractor, facts = _hf.loaded(weights, precision, "AutoFeatureExtractor", "hf_audio")
    if extractor.sampling_rate != rate:
        remedy = f"give it a view of audio with sample_rate: {extractor.sampling_rate}"
        raise InputError(weights.directory, f"it takes {extractor.sampling_rate} Hz, the view has {rate}", remedy)
    if not hasattr(network.config, "conv_stride") and network.main_input_name != "input_features":
        reason = f"{facts['network']} is no network of speech that is known here"
        raise InputError(weights.directory, reason, "use wav2vec 2.0, HuBERT, WavLM, data2vec, UniSpeech, SEW, Whisper")
    return Audio(network, extractor, _hf.layers_of(network, layers, "hf_audio"), per_second, batch, facts)


class Audio:
    """Encodes clips; see `load`."""

    batch = 64

    def __init__(self, network, extractor, layers: list[int], per_second: float, size: int, facts: dict):
        self.network, self.extractor, self.layers, self.size = network, extractor, layers, size
        self.rate, self.waves = extractor.sampling_rate, hasattr(network.config, "conv_stride")
        self.stride = math.prod(network.config.conv_stride) if self.waves else 2 * extractor.hop_length
        self.pool = states_a_step(self.rate / self.stride, per_second, "hf_audio")
        self.masked = self.waves and network.config.model_type in MASKED and network.config.feat_extract_norm == "layer"
        self.facts = facts | {"layers": layers, "steps_per_second": self.rate / self.stride / self.pool}

    def __call__(self, items: Sequence[np.ndarray], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (steps, layers x width) of each clip, in order."""
        window = WINDOW * self.rate
        places = [(i, start) for i, clip in enumerate(items) for start in range(0, len(clip), window)]
        pieces = [np.asarray(items[i][s : s + window], np.float32) / 32768 for i, s in places]
        made: list[list[np.ndarray]] = [[] for _ in items]
        for (i, _), rows in zip(places, self._encode(pieces), strict=True):
            made[i].append(rows)
        return [pooled(np.concatenate(rows), self.pool) for rows in made]

    def _encode(self, pieces: list[np.ndarray]) -> list[np.ndarray]:
        """States of each piece."""
        if self.masked or not self.waves:
            sizes = [len(piece) for piece in pieces]
            return _hf.in_order(sizes, self.size, lambda some: self._batch([pieces[i] for i in some]))
        alike: dict[int, list[int]] = {}
        for place, piece in enumerate(pieces):
            alike.setdefault(len(piece), []).append(place)
        batches = [some[i : i + self.size] for some in alike.values() for i in range(0, len(some), self.size)]
        made = {
            i: rows for some in batches for i, rows in zip(some, self._batch([pieces[i] for i in some]), strict=True)
        }
        return [made[place] for place in range(len(pieces))]

    def _batch(self, pieces: list[np.ndarray]) -> list[np.ndarray]:
        least = round(LEAST * self.rate)
        heard = [np.pad(piece, (0, max(0, least - len(piece)))) for piece in pieces]
        told = {"padding": True, "return_attention_mask": self.masked} if self.waves else {}
        inputs = self.extractor(heard, sampling_rate=self.rate, return_tensors="pt", **told)
        found = _hf.states(self.network, dict(inputs), self.layers).numpy()
        return [rows[: self._states(len(piece))] for rows, piece in zip(found, heard, strict=True)]

    def _states(self, samples: int) -> int:
        """States that a clip has."""
        if not self.waves:
            return math.ceil(samples / self.stride)
        for kernel, stride in zip(self.network.config.conv_kernel, self.network.config.conv_stride, strict=True):
            samples = (samples - kernel) // stride + 1
        return samples
