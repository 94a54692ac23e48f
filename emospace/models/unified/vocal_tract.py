"""Vocal tract length perturbation of MFCC: other speakers' voices, made from coefficients alone.

A longer vocal tract moves all formants down by one factor. Jaitly and Hinton (2013) warp the spectrum of the training
speech that way; here the mel spectrum that the coefficients describe is warped, which is one small matrix per factor.
"""

import numpy as np

RATE = 16_000  # Hz, of the audio view
BANDS = 128  # of the mel spectrum in between; the matrices hardly depend on their number


def hertz(mel: np.ndarray) -> np.ndarray:
    """Slaney's mel scale, the default of librosa: linear up to 1 kHz, then logarithmic."""
    mel = np.asarray(mel, float)
    return np.where(mel < 15, 200 / 3 * mel, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))


def mels(frequency: float) -> float:
    """Inverse of `hertz`."""
    return frequency * 3 / 200 if frequency < 1000 else 15 + 27 * np.log(frequency / 1000) / np.log(6.4)


def vocal_tract(coefficients: int, factors: np.ndarray, bands: int = BANDS, rate: int = RATE) -> np.ndarray:
    """Matrices (factors, coefficients, coefficients): `matrix @ mfcc` has its formants at `factor` times the frequency.

    For the orthonormal DCT of `bands` log-mel energies up to half of `rate` (Hz), as librosa.feature.mfcc makes them.
    What the left-out higher coefficients described is taken as zero; beyond the ends the spectrum goes on as it ends.
    """
    steps = np.arange(bands)
    cosines = np.cos(np.pi / bands * np.outer(np.arange(coefficients), steps + 0.5)) * np.sqrt(2 / bands)
    cosines[0] /= np.sqrt(2)
    centres = hertz(np.linspace(0, mels(rate / 2), bands + 2)[1:-1])
    # Band m of the new spectrum is read off the old one at 1 / factor of its frequency: a linear interpolation.
    places = np.interp(centres[None] / np.asarray(factors, float)[:, None], centres, steps)
    weights = np.maximum(0, 1 - np.abs(places[..., None] - steps))
    return (cosines @ weights @ cosines.T).astype(np.float32)
