"""The eight acoustic features of a clip by Sahu 2019 (arXiv 1904.06022).

librosa 0.11 is the reference. The full autocorrelation is never computed: its maximum is at lag 0, and its standard
deviation follows from the power spectrum.
"""

import numpy as np

from emospace.features.encoders import _harmonic

NAMES = (
    "sig_mean",  # mean absolute amplitude
    "sig_std",
    "rms_mean",  # over frames of 2048 samples, one every 512 samples
    "rms_std",
    "silence",  # share of frames whose RMS is at most 0.4 of the mean RMS
    "harmonic",  # 1000 x the mean of the harmonic part
    "autocorr_max",  # 1000 x the largest autocorrelation of the centre-clipped signal, per sample
    "autocorr_std",
)
OFFSET = 1e-4  # added to the samples before the RMS
QUIET = 0.4  # silence threshold, relative to the mean RMS
CLIPPED = 0.45  # centre-clipping level, relative to the mean absolute amplitude


def eight(signal: np.ndarray) -> np.ndarray:
    """The features NAMES of a clip, float64 (8,). signal: float64 (T,), T > 0, full scale 1."""
    mean = np.abs(signal).mean()
    parts = _harmonic.blocks(signal)
    rms = _rms(signal)
    silence = np.mean(rms <= QUIET * rms.mean())
    harmonic = 1000 * _harmonic.harmonic_mean(parts, len(signal))
    clipped = np.sign(signal) * np.maximum(np.abs(signal) - CLIPPED * mean, 0)
    loudness = [mean, signal.std(), rms.mean(), rms.std(), silence]
    return np.array([*loudness, harmonic, *_autocorrelation(clipped)])


def _rms(signal: np.ndarray) -> np.ndarray:
    """RMS of each frame of the signal plus OFFSET, (1 + T // 512,)."""
    energy = np.square(_harmonic.blocks(signal + OFFSET)).sum(axis=1)
    count = len(energy) - _harmonic.EDGE
    return np.sqrt(sum(energy[k : k + count] for k in range(_harmonic.OVERLAP)) / _harmonic.N_FFT)


def _autocorrelation(signal: np.ndarray) -> tuple[float, float]:
    """1000 x the autocorrelation at lag 0 per sample, and the standard deviation over the lags 0 to T - 1.

    Over all lags, the autocorrelation sums to the squared sum of the signal, and its squares sum to the mean squared
    power (Parseval). It is symmetric, so the lags from 0 on sum to half of that total plus half of the value at lag 0.
    """
    from scipy.fft import next_fast_len, rfft

    length, padded = len(signal), next_fast_len(2 * len(signal) - 1, real=True)
    power = np.square(np.abs(rfft(signal, padded)))
    twice = np.full(len(power), 2.0)
    twice[0] = 1
    if padded % 2 == 0:
        twice[-1] = 1
    at_zero = signal @ signal
    mean = (at_zero + signal.sum() ** 2) / 2 / length
    square = (at_zero**2 + (twice @ np.square(power)) / padded) / 2 / length
    return 1000 * at_zero / length, float(np.sqrt(max(0.0, square - mean**2)))
