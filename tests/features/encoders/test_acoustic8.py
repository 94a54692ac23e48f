"""The eight acoustic features equal those of librosa, whatever the length of the clip.

Covers: features/encoders/_eight, features/encoders/_harmonic.
"""

import librosa
import numpy as np
import pytest
from _clips import clip

from benchmarks import _librosa
from emospace.features.encoders import acoustic8

TOLERANCE = 1e-5  # relative


def ours(*clips: np.ndarray) -> np.ndarray:
    return np.concatenate(acoustic8.load(rate=44_100)(clips, [f"u{i}" for i in range(len(clips))]))


def theirs(signal: np.ndarray) -> np.ndarray:
    return _librosa.eight(signal.astype(np.float32) / 32768)


# librosa's own mean is NaN between 512 and 1535 samples.
@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("length", [1, 511, 1536, 2047, 2048, 2049, 3071, 3072, 9000, 80_123])
def test_equals_librosa_at_any_length(length):
    signal = clip(length)
    np.testing.assert_allclose(ours(signal)[0], theirs(signal), rtol=TOLERANCE, atol=1e-7)


def test_equals_librosa_on_a_tone_with_an_offset_and_a_silent_half():
    time = np.arange(60_000) / 44_100
    signal = (300 + 9000 * np.sin(2 * np.pi * 220 * time) * (time > 0.7)).astype(np.int16)
    values = ours(signal)[0]
    np.testing.assert_allclose(values, theirs(signal), rtol=TOLERANCE, atol=1e-6)
    assert 0.4 < values[4] < 0.6 and abs(values[5]) > 1


def test_a_short_clip_and_a_constant_one_have_finite_features():
    assert np.isfinite(ours(clip(700), np.full(5000, 40, np.int16), np.zeros(3000, np.int16))).all()


def test_a_clip_does_not_depend_on_the_others_in_its_batch():
    clips = [clip(9000, k) for k in range(4)]
    assert np.array_equal(ours(*clips), np.concatenate([ours(one) for one in clips]))


def test_real_speech(ravdess):
    signal = librosa.load(min(ravdess.glob("Actor_01/*.flac")), sr=44_100)[0]
    rounded = np.round(np.clip(signal, -1, 1 - 2**-15) * 32768).astype(np.int16)
    np.testing.assert_allclose(ours(rounded)[0], theirs(rounded), rtol=TOLERANCE, atol=1e-6)
