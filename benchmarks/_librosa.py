"""Acoustic features computed clip by clip with librosa, as in the published systems: reference and baseline."""

import numpy as np


def eight(signal: np.ndarray) -> np.ndarray:
    """Return the eight features of Sahu 2019, named in emospace/features/encoders/_eight.py. signal: float32 (T,)."""
    import librosa

    mean = np.abs(signal).mean()
    rms = librosa.feature.rms(y=signal + 0.0001)[0]
    silence = np.mean([value <= 0.4 * rms.mean() for value in rms])
    harmonic = 1000 * librosa.effects.hpss(signal)[0].mean()
    level = 0.45 * mean
    clipped = [s - level if s >= level else s + level if s <= -level else 0.0 for s in signal]
    correlation = librosa.autocorrelate(np.array(clipped))
    peak = 1000 * correlation.max() / len(correlation)
    return np.array([mean, signal.std(), rms.mean(), rms.std(), silence, harmonic, peak, correlation.std()])


def all_276(signal: np.ndarray) -> np.ndarray:
    """Return the 276 statistics of emospace/features/encoders/acoustic276.py. signal: float32 (T,) at 16 kHz."""
    from librosa import feature, stft

    spectrum, rate = np.abs(stft(signal)), 16_000
    mfcc = [statistic(feature.mfcc(y=signal, sr=rate, n_mfcc=40), axis=1) for statistic in (np.mean, np.std, np.max)]
    chroma = feature.chroma_stft(S=spectrum, sr=rate).mean(axis=1)
    mel = feature.melspectrogram(y=signal, sr=rate).mean(axis=1)
    contrast = feature.spectral_contrast(S=spectrum, sr=rate).mean(axis=1)
    crossings = feature.zero_crossing_rate(signal).mean()
    return np.concatenate([eight(signal), [crossings], *mfcc, chroma, mel, contrast])
