"""Mean of a signal's harmonic part, equal to that of librosa.effects.hpss, from a fraction of the spectrogram.

The mean of a resynthesised signal is a linear function of its spectrogram. Where the windows of the inverse STFT
overlap completely, the samples of a frame contribute the real parts of its two lowest bins only, because the spectrum
of a Hann window has three lines. So the median filters (Fitzgerald 2010) are needed in two bins of all frames, and in
all bins of the first and last three frames only.
"""

from functools import cache

import numpy as np

N_FFT, HOP, KERNEL = 2048, 512, 31  # defaults of librosa, on which this method depends
OVERLAP = N_FFT // HOP
EDGE = OVERLAP - 1  # frames at each end whose windows overlap incompletely
HALF = KERNEL // 2
LOW = HALF + 2  # lowest bins: those within reach of the filters of the two lowest bins
GAIN = 1.5  # sum of the squared Hann windows that cover a sample
TINY = np.finfo(np.float32).tiny  # magnitude below which librosa divides a bin evenly


def blocks(signal: np.ndarray) -> np.ndarray:
    """The signal (T,), centred by N_FFT / 2 zeros at both ends, in blocks of HOP: (1 + T // HOP + EDGE, HOP).

    Frame t of the STFT consists of the blocks t to t + EDGE.
    """
    count = 1 + len(signal) // HOP + EDGE
    padded = np.zeros(len(signal) + N_FFT)
    padded[N_FFT // 2 : N_FFT // 2 + len(signal)] = signal
    return padded[: count * HOP].reshape(count, HOP)


def harmonic_mean(parts: np.ndarray, length: int) -> float:
    """Mean over all samples of the harmonic part. parts: `blocks` of the signal; length: of the signal."""
    count = len(parts) - EDGE
    window = _reflected(count)
    low = _low_bins(parts)
    magnitude = np.abs(low)
    along = np.median(magnitude[window, :2], axis=1)
    across = np.median(magnitude[:, _reflected(N_FFT // 2 + 1)[:2]], axis=2)
    real = low[:, :2].real * _mask(along, across)
    inner = slice(EDGE, max(EDGE, count - EDGE))
    total = (real[inner, 0] - real[inner, 1]).sum() / (2 * GAIN)
    return (total + _edges(parts, window, length)) / length


@cache
def _hann() -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)


@cache
def _transform() -> np.ndarray:
    """Matrix (HOP, OVERLAP * 2 * LOW) from a block to its contribution to the lowest bins of the frames it is in."""
    waves = np.exp(-2j * np.pi * np.outer(np.arange(N_FFT), np.arange(LOW)) / N_FFT) * _hann()[:, None]
    parts = np.concatenate([waves.real, waves.imag], axis=1).reshape(OVERLAP, HOP, 2 * LOW)
    return np.ascontiguousarray(parts.transpose(1, 0, 2).reshape(HOP, -1))


def _low_bins(parts: np.ndarray) -> np.ndarray:
    """STFT of the lowest bins, complex (frames, LOW)."""
    shares = (parts @ _transform()).reshape(len(parts), OVERLAP, 2 * LOW)
    count = len(parts) - EDGE
    summed = sum(shares[k : k + count, k] for k in range(OVERLAP))
    return summed[:, :LOW] + 1j * summed[:, LOW:]


def _reflected(count: int) -> np.ndarray:
    """Indices under the filter at each of `count` positions, reflected at the ends: (count, KERNEL)."""
    extended = np.pad(np.arange(count), HALF, mode="symmetric")
    return np.lib.stride_tricks.sliding_window_view(extended, KERNEL)


def _mask(harmonic: np.ndarray, percussive: np.ndarray) -> np.ndarray:
    """Soft mask of power 2; where both magnitudes vanish, one half."""
    largest = np.maximum(harmonic, percussive)
    scale = np.where(largest < TINY, 1, largest)
    first, second = (harmonic / scale) ** 2, (percussive / scale) ** 2
    return np.divide(first, first + second, out=np.full_like(first, 0.5), where=largest >= TINY)


def _edges(parts: np.ndarray, window: np.ndarray, length: int) -> float:
    """Sum of the samples that the first and last frames contribute, by an explicit inverse STFT."""
    count = len(parts) - EDGE
    edge = [frame for frame in range(count) if frame < EDGE or frame >= count - EDGE]
    needed, places = np.unique(window[edge], return_inverse=True)
    frames = np.stack([parts[frame : frame + OVERLAP].reshape(-1) for frame in needed]) * _hann()
    spectrum = np.fft.rfft(frames)
    magnitude = np.abs(spectrum)
    along = np.median(magnitude[places.reshape(len(edge), KERNEL)], axis=1)
    own = np.searchsorted(needed, edge)
    across = np.median(magnitude[own][:, _reflected(N_FFT // 2 + 1)], axis=2)
    samples = np.fft.irfft(spectrum[own] * _mask(along, across))
    return float(sum(row @ _weights(frame, count, length) for frame, row in zip(edge, samples, strict=True)))


def _weights(frame: int, count: int, length: int) -> np.ndarray:
    """Weight of each sample of a frame in the inverse STFT, zero for samples beyond the signal: (N_FFT,)."""
    square = (_hann() ** 2).reshape(OVERLAP, HOP)
    cover = np.empty((OVERLAP, HOP))
    for k in range(OVERLAP):
        block = frame + k
        cover[k] = square[max(0, block - count + 1) : min(EDGE, block) + 1].sum(axis=0)
    place = frame * HOP + np.arange(N_FFT) - N_FFT // 2
    inside = (place >= 0) & (place < length)
    return np.divide(_hann(), cover.reshape(-1), out=np.zeros(N_FFT), where=inside & (cover.reshape(-1) > TINY))
