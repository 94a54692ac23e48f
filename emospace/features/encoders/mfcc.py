"""Mel-frequency cepstral coefficients of speech, equal to librosa.feature.mfcc, in batches.

librosa 0.11 is the reference (its STFT, Slaney mel filters, power_to_db and DCT). A batch of padded clips shares one
STFT, and the filter matrices are computed once.
"""

from collections.abc import Sequence

import numpy as np

from emospace.core.batching import by_length
from emospace.core.errors import InputError
from emospace.core.option_types import Count

VIEWS = ("audio",)
HOLDS = "cepstral"
PACKAGES = ("torch", "librosa")

BATCH = 4  # clips per STFT: more would add padding and overflow the processor's cache
TOP_DB = 80.0  # dynamic range below each clip's maximum, dB


def load(
    *,
    coefficients: Count = 20,
    n_fft: Count = 2048,
    hop: Count = 512,
    n_mels: Count = 128,
    rate: int,
) -> "Mfcc":
    """MFCC encoder: int16 clips (T,) -> float32 (1 + T // hop, coefficients).

    rate: of the clips, Hz. n_fft, hop: samples. Raises InputError for inconsistent options.
    """
    check_load(coefficients=coefficients, n_fft=n_fft, hop=hop, n_mels=n_mels)
    return Mfcc(coefficients, rate, n_fft, hop, n_mels)


def check_load(*, coefficients: int, n_fft: int, hop: int, n_mels: int) -> None:
    """Raise InputError for inconsistent options."""
    if not 0 < coefficients <= n_mels or not 0 < hop <= n_fft:
        reason = f"coefficients={coefficients}, n_mels={n_mels}, hop={hop}, n_fft={n_fft}"
        raise InputError("encoder mfcc", reason, "use coefficients <= n_mels and hop <= n_fft, all positive")


class Mfcc:
    """Compute MFCC in batches; see `load`."""

    batch = 64

    def __init__(self, coefficients: int, rate: int, n_fft: int, hop: int, n_mels: int):
        import torch
        from scipy.fft import dct

        from emospace.features.encoders._mel import Mel

        self.hop, self.mel = hop, Mel(rate, n_fft, hop, n_mels)
        self.dct = torch.from_numpy(dct(np.eye(n_mels), norm="ortho", axis=0)[:coefficients].T)
        self.facts = {"transform": f"librosa mfcc, {rate} Hz", "precision": "fp32"}

    def __call__(self, items: Sequence[np.ndarray], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (1 + T_i // hop, coefficients) of each clip, in order."""
        # Full scale of int16 is 1.0, as in soundfile.
        clips = [np.asarray(clip, dtype=np.float32) / 32768 for clip in items]
        features: list[np.ndarray | None] = [None] * len(clips)
        for indices in by_length([len(c) for c in clips], BATCH):
            for i, rows in zip(indices, self._compute([clips[i] for i in indices]), strict=True):
                features[i] = rows
        return features

    def _compute(self, clips: list[np.ndarray]) -> list[np.ndarray]:
        import torch

        lengths = torch.tensor([1 + len(c) // self.hop for c in clips])
        padded = torch.zeros(len(clips), max(map(len, clips)))
        for row, clip in zip(padded, clips, strict=True):
            row[: len(clip)] = torch.from_numpy(clip)
        with torch.inference_mode():
            decibels = self.mel(padded)
            # The floor is relative to the clip's own frames; frames beyond its end are excluded.
            outside = torch.arange(decibels.shape[1]) >= lengths[:, None]
            loudest = decibels.amax(2).masked_fill_(outside, -torch.inf).amax(1)
            floored = torch.maximum(decibels, (loudest - TOP_DB)[:, None, None])
            # In double precision: in single, a sum over bands of about -100 dB would lose the third decimal.
            features = (floored.double() @ self.dct).float().numpy()
        return [f[:n].copy() for f, n in zip(features, lengths.tolist(), strict=True)]
