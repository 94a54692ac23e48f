"""The 276 acoustic statistics equal those of librosa.

Covers: features/encoders/_spectral.
"""

import librosa
import numpy as np
import pytest
from _clips import clip

from benchmarks import _librosa
from emospace.core.errors import InputError
from emospace.features.encoders import acoustic276

# Columns -> relative and absolute tolerance: librosa computes in single precision.
SCALES = {(0, 9): 1e-5, (9, 129): 2e-3, (129, 141): 1e-4, (141, 269): 1e-5, (269, 276): 1e-3}


def ours(*clips: np.ndarray) -> np.ndarray:
    return np.concatenate(acoustic276.load(rate=16_000)(clips, [f"u{i}" for i in range(len(clips))]))


def assert_equal(values: np.ndarray, signal: np.ndarray) -> None:
    expected = _librosa.all_276(signal.astype(np.float32) / 32768)
    for (first, end), tolerance in SCALES.items():
        columns = slice(first, end)
        np.testing.assert_allclose(values[columns], expected[columns], rtol=tolerance, atol=tolerance)


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("length", [1600, 2048, 9000, 40_123])
def test_equals_librosa_at_any_length(length):
    assert_equal(ours(clip(length))[0], clip(length))


def test_equals_librosa_on_tones_and_silence():
    time = np.arange(30_000) / 16_000
    tones = 8000 * np.sin(2 * np.pi * 450 * time) * (time < 1) + 500 * np.sin(2 * np.pi * 3000 * time)
    signal = tones.astype(np.int16)
    signal[20_000:24_000] = 0
    assert_equal(ours(signal)[0], signal)


def test_there_is_a_name_for_each_and_a_silent_clip_is_finite():
    names = acoustic276.load(rate=16_000).facts["names"]
    assert len(names) == len(set(names)) == 276 and names[8:10] == ["zero_crossings", "mfcc_mean_0"]
    assert np.isfinite(ours(np.zeros(5000, np.int16), clip(600))).all()


def test_a_rate_without_the_highest_band_is_refused():
    with pytest.raises(InputError, match="at least 16000 Hz"):
        acoustic276.load(rate=8000)


def test_real_speech(ravdess):
    signal = librosa.load(min(ravdess.glob("Actor_01/*.flac")), sr=16_000)[0]
    rounded = np.round(np.clip(signal, -1, 1 - 2**-15) * 32768).astype(np.int16)
    assert_equal(ours(rounded)[0], rounded)
