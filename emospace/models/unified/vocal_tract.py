"""Vocal tract length perturbation (VTLP) computed on MFCC alone.

A longer vocal tract lowers all formants by one factor. Jaitly and Hinton (2013) warp the spectrum of the training
speech accordingly; this module warps the mel spectrum that the coefficients encode, with one small matrix per factor.
"""

import numpy as np

RATE = 16_000  # Hz, of the audio view
BANDS = 128  # of the intermediate mel spectrum; the matrices hardly depend on their number


def hertz(mel: np.ndarray) -> np.ndarray:
    """Convert mel to Hz on Slaney's scale, librosa's default: linear up to 1 kHz, then logarithmic."""
    mel = np.asarray(mel, float)
    return np.where(mel < 15, 200 / 3 * mel, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))


def mels(frequency: float) -> float:
    """Convert Hz to mel: the inverse of `hertz`."""
    return frequency * 3 / 200 if frequency < 1000 else 15 + 27 * np.log(frequency / 1000) / np.log(6.4)


def warp_matrices(coefficients: int, factors: np.ndarray, bands: int = BANDS, rate: int = RATE) -> np.ndarray:
    """Matrices (factors, coefficients, coefficients): `matrix @ mfcc` has its formants at `factor` times the frequency.

    MFCC are the orthonormal DCT of `bands` log-mel energies up to half of `rate` (Hz), as in librosa.feature.mfcc.
    Truncated higher coefficients are taken as zero; the spectrum is held constant beyond its ends.
    """
    steps = np.arange(bands)
    cosines = np.cos(np.pi / bands * np.outer(np.arange(coefficients), steps + 0.5)) * np.sqrt(2 / bands)
    cosines[0] /= np.sqrt(2)
    centres = hertz(np.linspace(0, mels(rate / 2), bands + 2)[1:-1])
    # Band m of the warped spectrum interpolates the original linearly at 1 / factor of its frequency.
    positions = np.interp(centres[None] / np.asarray(factors, float)[:, None], centres, steps)
    weights = np.maximum(0, 1 - np.abs(positions[..., None] - steps))
    return (cosines @ weights @ cosines.T).astype(np.float32)
