"""Statistics of spectral features over time, equal to those of librosa 0.11 with its defaults, from one spectrogram."""

import itertools
from functools import cache

import numpy as np

from emospace.core.librosa_import import import_librosa
from emospace.features.encoders._harmonic import HOP, N_FFT, blocks

MELS, COEFFICIENTS, CHROMA = 128, 40, 12
BANDS, LOWEST, QUANTILE = 6, 200.0, 0.02  # spectral contrast: octaves above LOWEST (Hz), share of bins
AMIN, TOP_DB = 1e-10, 80.0  # power floor; dynamic range below the maximum of a clip, dB
ZERO = 1e-10  # amplitudes up to this count as zero


class Spectral:
    """A function from a clip to 268 statistics, for one sample rate."""

    def __init__(self, rate: int):
        from scipy.fft import dct

        self.rate = rate
        filters = import_librosa().filters
        self.window = filters.get_window("hann", N_FFT)
        self.mel = filters.mel(sr=rate, n_fft=N_FFT, n_mels=MELS).T.astype(np.float64)
        self.dct = dct(np.eye(MELS), norm="ortho", axis=0)[:COEFFICIENTS].T
        self.bands = _contrast_bands(np.fft.rfftfreq(N_FFT, 1 / rate))
        named = {"mfcc_mean": COEFFICIENTS, "mfcc_std": COEFFICIENTS, "mfcc_max": COEFFICIENTS}
        named |= {"chroma": CHROMA, "mel": MELS, "contrast": BANDS + 1}
        self.names = ["zero_crossings", *(f"{name}_{k}" for name, count in named.items() for k in range(count))]

    def __call__(self, signal: np.ndarray) -> np.ndarray:
        """Statistics float64 (268,) of a clip, float64 (T,)."""
        magnitude = self._magnitude(signal)
        mel = np.square(magnitude) @ self.mel
        mfcc = decibels(mel) @ self.dct
        parts = [_zero_crossings(signal), mfcc.mean(0), mfcc.std(0), mfcc.max(0), self._chroma(magnitude)]
        return np.concatenate([*map(np.atleast_1d, parts), mel.mean(0), self._contrast(magnitude)])

    def _magnitude(self, signal: np.ndarray) -> np.ndarray:
        """Magnitude of the STFT, (frames, N_FFT / 2 + 1)."""
        from scipy.fft import rfft

        flat = blocks(signal).reshape(-1)
        frames = np.lib.stride_tricks.sliding_window_view(flat, N_FFT)[::HOP]
        return np.abs(rfft(frames * self.window))

    def _chroma(self, magnitude: np.ndarray) -> np.ndarray:
        """Mean over frames of the chroma, each frame divided by its maximum."""
        spectrum = magnitude.T.astype(np.float32)
        tuning = import_librosa("librosa.core.pitch").estimate_tuning(S=spectrum, sr=self.rate, bins_per_octave=CHROMA)
        raw = magnitude @ _chroma_filters(self.rate, round(float(tuning), 6))
        largest = np.abs(raw).max(axis=1, keepdims=True)
        return (raw / np.where(largest < np.finfo(np.float32).tiny, 1, largest)).mean(0)

    def _contrast(self, magnitude: np.ndarray) -> np.ndarray:
        """Mean over frames of the level of the peaks above that of the valleys in each band."""
        peaks, valleys = [], []
        for columns, count in self.bands:
            ordered = np.partition(magnitude[:, columns], (count - 1, -count), axis=1)
            valleys.append(ordered[:, :count].mean(1))
            peaks.append(ordered[:, -count:].mean(1))
        return (decibels(np.stack(peaks)) - decibels(np.stack(valleys))).mean(1)


def decibels(power: np.ndarray) -> np.ndarray:
    """Level of a power in dB, at most TOP_DB below the maximum."""
    level = 10 * np.log10(np.maximum(power, AMIN))
    return np.maximum(level, level.max() - TOP_DB)


@cache
def _chroma_filters(rate: int, tuning: float) -> np.ndarray:
    filters = import_librosa().filters.chroma(sr=rate, n_fft=N_FFT, tuning=tuning, n_chroma=CHROMA)
    return filters.T.astype(np.float64)


def _contrast_bands(frequencies: np.ndarray) -> list[tuple[slice, int]]:
    """Columns of each band, including one below it, and the number of bins that form its peaks and its valleys."""
    edges = np.concatenate([[0], LOWEST * 2.0 ** np.arange(BANDS + 1)])
    bands = []
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = np.flatnonzero((frequencies >= low) & (frequencies <= high))
        first = inside[0] - (k > 0)
        last = len(frequencies) if k == BANDS else inside[-1] + 1
        count = max(1, int(np.rint(QUANTILE * (last - first))))
        bands.append((slice(first, last if k == BANDS else last - 1), count))
    return bands


def _zero_crossings(signal: np.ndarray) -> float:
    """Mean over frames of the share of sign changes; the signal is padded with its end samples."""
    padded = np.pad(signal, N_FFT // 2, mode="edge")
    negative = np.where(np.abs(padded) <= ZERO, 0, padded) < 0
    changes = np.concatenate([[0, 0], np.cumsum(negative[1:] != negative[:-1])])  # sign changes before each sample
    starts = np.arange(0, len(padded) - N_FFT + 1, HOP)
    return float((changes[starts + N_FFT] - changes[starts + 1]).mean() / N_FFT)
