"""Mel spectrogram of the first seconds of an utterance, in decibels relative to its maximum: an image of fixed size.

With a view of 22,050 Hz (`views: audio_22k: {view: audio, sample_rate: 22050}`) and the defaults it has 130 steps of
128 bands. Computed in batches; equal to librosa.power_to_db(librosa.feature.melspectrogram(...), ref=np.max).
"""

from collections.abc import Sequence

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Count, Positive

VIEWS = ("audio",)
HOLDS = "spectrogram"
PACKAGES = ("torch", "librosa")
BATCH = 4  # clips per STFT: more would exceed the processor's cache
TOP_DB = 80.0  # dynamic range below the maximum of a clip, dB


def load(*, seconds: Positive = 3.0, n_fft: Count = 2048, hop: Count = 512, n_mels: Count = 128, rate: int) -> "Image":
    """Encoder of clips int16 (T,) -> float32 (1 + samples // hop, n_mels), values from -80 to 0.

    seconds: longer clips are cut, shorter ones padded with zeros. n_fft, hop: samples; rate: Hz. Raises InputError for
    inconsistent options.
    """
    check_load(n_fft=n_fft, hop=hop)
    return Image(round(seconds * rate), rate, n_fft, hop, n_mels)


def check_load(*, n_fft: int, hop: int, **others) -> None:
    """Raise InputError for a hop longer than the window."""
    if hop > n_fft:
        raise InputError("encoder mel", f"hop={hop} exceeds n_fft={n_fft}", "use hop <= n_fft")


class Image:
    """Compute spectrograms in batches; see `load`."""

    batch = 64

    def __init__(self, samples: int, rate: int, n_fft: int, hop: int, n_mels: int):
        from emospace.features.encoders._mel import Mel

        self.samples, self.mel = samples, Mel(rate, n_fft, hop, n_mels)
        self.facts = {"transform": f"librosa melspectrogram, {rate} Hz", "samples": samples, "precision": "fp32"}

    def __call__(self, items: Sequence[np.ndarray], utterances: Sequence[str]) -> list[np.ndarray]:
        """Image float32 (steps, n_mels) of each clip, in order. Full scale of int16 is 1, as in soundfile."""
        parts = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
        return [image for part in parts for image in self._compute(part)]

    def _compute(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        import torch

        padded = torch.zeros(len(clips), self.samples)
        for row, clip in zip(padded, clips, strict=True):
            start = np.asarray(clip[: self.samples], np.float32) / 32768
            row[: len(start)] = torch.from_numpy(start)
        with torch.inference_mode():
            levels = self.mel(padded)
            return (levels - levels.amax((1, 2), keepdim=True)).clamp_(min=-TOP_DB).numpy()
