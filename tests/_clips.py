"""Noise clips for audio encoders, and their MFCC by librosa."""

import librosa
import numpy as np


def clip(length: int, seed: int = 0, peak: float = 8000) -> np.ndarray:
    """Return noise that fades over five orders of magnitude, so that the floor of 80 dB takes effect."""
    noise = np.random.default_rng(seed).standard_normal(length)
    return (noise * np.exp(-np.linspace(0, 12, length)) * peak / 4).astype(np.int16)


def theirs(signal: np.ndarray, rate: int = 16_000, **options) -> np.ndarray:
    options = {"n_mfcc": 20, "n_fft": 2048, "hop_length": 512, "n_mels": 128} | options
    return librosa.feature.mfcc(y=signal.astype(np.float32) / 32768, sr=rate, **options).T
