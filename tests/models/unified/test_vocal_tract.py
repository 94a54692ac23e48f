"""Warped MFCC compared with MFCC of truly longer and shorter vocal tracts."""

import numpy as np
import pytest

from emospace.features.encoders import mfcc
from emospace.models.unified import vocal_tract


def test_the_mel_scale_equals_librosas():
    librosa = pytest.importorskip("librosa")
    expected = librosa.mel_frequencies(130, fmin=0, fmax=8000)
    np.testing.assert_allclose(vocal_tract.hertz(np.linspace(0, vocal_tract.mels(8000), 130)), expected, rtol=1e-6)
    np.testing.assert_allclose(vocal_tract.mels(500), librosa.hz_to_mel(500))


def test_a_factor_of_one_is_the_identity():
    np.testing.assert_allclose(vocal_tract.warp_matrices(20, np.ones(1))[0], np.eye(20), atol=1e-5)


def vowel(stretch: float) -> np.ndarray:
    """Mean MFCC of noise filtered by three formants at `stretch` times their usual frequency (Hz)."""
    from scipy.signal import lfilter

    wave = np.random.default_rng(3).standard_normal(48_000)
    for formant, width in ((700, 130), (1220, 150), (2600, 250)):
        radius, angle = np.exp(-np.pi * width * stretch / 16_000), 2 * np.pi * formant * stretch / 16_000
        wave = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], wave)
    clip = (wave / np.abs(wave).max() * 20_000).astype(np.int16)
    return mfcc.load(rate=16_000)([clip], ["vowel"])[0].mean(0)


@pytest.mark.parametrize("factor", [0.85, 0.92, 1.1, 1.2])
def test_a_warp_moves_formants_like_another_vocal_tract(factor):
    before, after = vowel(1.0), vowel(factor)
    warped = vocal_tract.warp_matrices(20, np.array([factor, 1 / factor])) @ before
    shape = slice(1, None)  # without coefficient 0, the level
    distance = [np.linalg.norm((m - after)[shape]) for m in (before, warped[0], warped[1])]
    assert distance[1] < 0.45 * distance[0], "the warp does not approach the other voice"
    assert distance[2] > distance[0], "the opposite warp approaches it"
