"""Descriptors of all frames of a clip from one spectrogram and one autocorrelation."""

import itertools

import numpy as np

MELS, COEFFICIENTS = 26, 14
BANDS = ((250.0, 650.0), (1000.0, 4000.0))  # Hz
SHARES = (0.25, 0.5, 0.75, 0.9)  # of the magnitude below the roll-off points
OCTAVES, FIRST, QUANTILE = 6, 200.0, 0.02  # spectral contrast: octaves above FIRST (Hz), share of bins
LOWEST, HIGHEST = 55.0, 500.0  # range of the pitch, Hz
VOICED = 0.45  # autocorrelation at the period from which a frame counts as voiced, as in Praat
FLOOR = 1e-10  # of powers and magnitudes; silence has constant descriptors
BLOCK = 512  # frames at a time: more would overflow the processor's cache
NAMES = (
    "rms",
    "zero_crossings",
    *(f"log_mel_{k}" for k in range(MELS)),
    *(f"mfcc_{k + 1}" for k in range(COEFFICIENTS)),
    *(f"log_energy_{low:g}_{high:g}" for low, high in BANDS),
    *(f"rolloff_{100 * share:g}" for share in SHARES),
    "flux",
    "centroid",
    "bandwidth",
    "skewness",
    "kurtosis",
    "entropy",
    "slope",
    *(f"contrast_{k}" for k in range(OCTAVES + 1)),
    "f0",
    "voicing",
    "harmonics_to_noise",
)


class Frames:
    """Descriptors NAMES of a clip, for one length of frames, step (samples) and rate (Hz)."""

    def __init__(self, length: int, step: int, rate: int):
        import librosa  # without core/librosa_import.py: mel filters compile nothing
        from scipy.fft import dct, next_fast_len

        self.length, self.step, self.rate = length, step, rate
        self.longest = min(int(rate / LOWEST), length - 1)  # lag, samples
        self.size = next_fast_len(length + self.longest + 1, real=True)  # no lag in use wraps around
        self.window = np.hamming(length).astype(np.float32)
        self.frequencies = np.fft.rfftfreq(self.size, 1 / rate).astype(np.float32)
        self.mel = librosa.filters.mel(sr=rate, n_fft=self.size, n_mels=MELS).T.astype(np.float32)
        self.dct = dct(np.eye(MELS), norm="ortho", axis=0)[1 : COEFFICIENTS + 1].T  # float64: large terms cancel
        self.contrast = _octaves(self.frequencies)
        taper = np.correlate(self.window, self.window, "full")[length - 1 :]
        self.taper = (taper / taper[0])[: self.longest + 1]

    def __call__(self, signal: np.ndarray) -> np.ndarray:
        """float32 (frames, 65) of a clip, float32 (T,), full scale 1; no frame if it is shorter than one."""
        if len(signal) < self.length:
            return np.empty((0, len(NAMES)), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(signal, self.length)[:: self.step]
        rows, before = [], None
        for start in range(0, len(frames), BLOCK):
            block, before = self._block(frames[start : start + BLOCK], before)
            rows.append(block)
        return np.concatenate(rows).astype(np.float32)

    def _block(self, frames: np.ndarray, before: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Descriptors of some frames, and the magnitude of the last. before: magnitude of the frame before them."""
        from scipy.fft import rfft

        magnitude = np.abs(rfft(frames * self.window, self.size))
        power = np.square(magnitude)
        mel = np.log(np.maximum(power @ self.mel, FLOOR))
        spectral = [self._energies(power), self._shape(magnitude, before), self._contrasts(magnitude)]
        parts = [_loudness(frames), mel, mel @ self.dct, *spectral, self._voicing(power)]
        return np.concatenate(parts, axis=1), magnitude[-1]

    def _energies(self, power: np.ndarray) -> np.ndarray:
        inside = [(self.frequencies >= low) & (self.frequencies <= high) for low, high in BANDS]
        return np.log(np.maximum(np.stack([power[:, bins].sum(1) for bins in inside], axis=1), FLOOR))

    def _shape(self, magnitude: np.ndarray, before: np.ndarray | None) -> np.ndarray:
        """Roll-offs, flux, centroid, bandwidth, skewness, kurtosis, entropy and slope, (frames, 11); all in kHz."""
        kilohertz = self.frequencies / 1000
        total = np.maximum(magnitude.sum(1, keepdims=True), FLOOR)
        share = magnitude / total
        rolled = np.cumsum(magnitude, axis=1)
        rolloff = [kilohertz[np.argmax(rolled >= part * rolled[:, -1:], axis=1)] for part in SHARES]
        previous = np.concatenate([magnitude[:1] if before is None else before[None], magnitude[:-1]])
        flux = np.sqrt(np.square(magnitude - previous).mean(1))
        powers = np.stack([kilohertz**k for k in range(1, 5)], axis=1)
        moments = (share @ powers).T
        centroid = moments[0]
        central = _central(moments)
        bandwidth = np.sqrt(np.maximum(central[0], FLOOR))
        entropy = -(share * np.log2(np.maximum(share, FLOOR))).sum(1)
        slope = magnitude @ (kilohertz - kilohertz.mean()) / np.square(kilohertz - kilohertz.mean()).sum()
        scaled = [central[1] / bandwidth**3, central[2] / bandwidth**4]
        return np.stack([*rolloff, flux, centroid, bandwidth, *scaled, entropy, slope], axis=1)

    def _contrasts(self, magnitude: np.ndarray) -> np.ndarray:
        """Level of the peaks above that of the valleys in each octave, dB (frames, OCTAVES + 1)."""
        columns = []
        for bins, count in self.contrast:
            ordered = np.partition(magnitude[:, bins], (count - 1, -count), axis=1)
            peak, valley = ordered[:, -count:].mean(1), ordered[:, :count].mean(1)
            columns.append(10 * np.log10(np.maximum(peak, FLOOR) / np.maximum(valley, FLOOR)))
        return np.stack(columns, axis=1)

    def _voicing(self, power: np.ndarray) -> np.ndarray:
        """F0 in Hz (0 if unvoiced), autocorrelation at the period, harmonics-to-noise ratio in dB (Boersma 1993)."""
        from scipy.fft import irfft

        lags = irfft(power, self.size)[:, : self.longest + 1]
        normal = lags / np.maximum(lags[:, :1], FLOOR) / np.maximum(self.taper, FLOOR)
        first = int(self.rate / HIGHEST)
        inner = normal[:, first:-1]
        peaks = (inner >= normal[:, first - 1 : -2]) & (inner > normal[:, first + 1 :])
        strength = np.where(peaks, inner, 0.0)
        # Multiples of the period are about as strong as the period itself: the first near the maximum is the period.
        place = np.argmax(strength >= 0.9 * np.maximum(strength.max(1, keepdims=True), FLOOR), axis=1)
        lag, rows = place + first, np.arange(len(normal))
        best = np.clip(strength[rows, place], 0.0, 0.999)
        f0 = np.where(best >= VOICED, self.rate / (lag + _parabola(normal, rows, lag)), 0.0)
        return np.stack([f0, best, 10 * np.log10(np.maximum(best, 1e-3) / (1 - best))], axis=1)


def _parabola(values: np.ndarray, rows: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Distance of the vertex of the parabola through a maximum and its neighbours from the maximum, in -0.5 to 0.5."""
    left, middle, right = (values[rows, place + shift] for shift in (-1, 0, 1))
    curve = left - 2 * middle + right
    return np.clip(np.where(curve < -1e-9, 0.5 * (left - right) / np.minimum(curve, -1e-9), 0.0), -0.5, 0.5)


def _loudness(frames: np.ndarray) -> np.ndarray:
    """RMS, and share of sign changes, (frames, 2)."""
    negative = frames < 0
    return np.stack([np.sqrt(np.square(frames).mean(1)), (negative[:, 1:] != negative[:, :-1]).mean(1)], axis=1)


def _central(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Second, third and fourth central moments from the first four raw moments (4, frames)."""
    one, two, three, four = moments.astype(np.float64)
    second, third = two - one**2, three - 3 * one * two + 2 * one**3
    return second, third, four - 4 * one * three + 6 * one**2 * two - 3 * one**4


def _octaves(frequencies: np.ndarray) -> list[tuple[slice, int]]:
    """Bins of each band, including one below it, and the number of bins that form its peaks and its valleys."""
    edges = np.concatenate([[0], FIRST * 2.0 ** np.arange(OCTAVES + 1)])
    bands = []
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = np.flatnonzero((frequencies >= low) & (frequencies <= high))
        first, last = inside[0] - (k > 0), len(frequencies) if k == OCTAVES else inside[-1] + 1
        count = max(1, int(np.rint(QUANTILE * (last - first))))
        bands.append((slice(first, last if k == OCTAVES else last - 1), count))
    return bands
