"""Mel spectrograms in decibels, equal to librosa.feature.melspectrogram, for a batch of padded clips."""

import numpy as np
import torch

GROUPS = 8  # of mel bands
AMIN = 1e-10  # power floor


class Mel:
    """Levels of Slaney mel bands, with a Hann window. rate: Hz; n_fft, hop: samples."""

    def __init__(self, rate: int, n_fft: int, hop: int, n_mels: int):
        import librosa  # without core/librosa_import.py: mel filters compile nothing

        self.n_fft, self.hop = n_fft, hop
        self.window = torch.hann_window(n_fft)
        self.filters = _in_groups(librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels))

    def __call__(self, padded: torch.Tensor) -> torch.Tensor:
        """dB re 1, float32 (B, 1 + T // hop, n_mels) of clips float32 (B, T); the caller disables gradients.

        Frames are centred and the ends padded with zeros, like the clips of a batch.
        """
        spectrum = torch.stft(
            padded, self.n_fft, self.hop, window=self.window, pad_mode="constant", return_complex=True
        ).transpose(1, 2)  # (B, T, n_fft // 2 + 1), contiguous in memory
        power = spectrum.real.square().add_(spectrum.imag.square())
        mel = torch.cat([power[:, :, bins] @ filters for bins, filters in self.filters], dim=2)
        return mel.clamp_(min=AMIN).log10_().mul_(10)


def _in_groups(filters: np.ndarray) -> list[tuple[slice, torch.Tensor]]:
    """Split mel filters (bands, bins) into groups of neighbouring bands: (bins used, matrix (bins, bands)) each.

    Nine tenths of the full matrix is zero; the split saves four fifths of the multiplications.
    """
    groups = []
    for bands in np.array_split(filters, min(GROUPS, len(filters))):
        used = np.flatnonzero(bands.any(axis=0))
        bins = slice(used[0], used[-1] + 1) if len(used) else slice(0, 1)
        groups.append((bins, torch.from_numpy(bands[:, bins].T.copy())))
    return groups
