"""Mel spectrograms equal those of librosa, have one size, and do not depend on the batch."""

import librosa
import numpy as np
import pytest
from _clips import clip

from emospace.core.errors import InputError
from emospace.features.encoders import mel

RATE, SAMPLES = 22_050, 66_150


def ours(*clips: np.ndarray) -> list[np.ndarray]:
    return list(mel.load(rate=RATE)(clips, [""] * len(clips)))


def theirs(signal: np.ndarray) -> np.ndarray:
    first = librosa.util.fix_length(signal[:SAMPLES].astype(np.float32) / 32768, size=SAMPLES)
    power = librosa.feature.melspectrogram(y=first, sr=RATE, n_mels=128)
    return librosa.power_to_db(power, ref=np.max).T


def test_equals_librosa_for_cut_padded_and_silent_clips():
    clips = [clip(length, k) for k, length in enumerate((1, 700, 40_000, SAMPLES, 90_000))]
    clips.append(np.zeros(5000, np.int16))
    for image, signal in zip(ours(*clips), clips, strict=True):
        assert image.shape == (130, 128) and image.dtype == np.float32
        np.testing.assert_allclose(image, theirs(signal), atol=2e-3)


def test_a_clip_does_not_depend_on_the_others_in_its_batch():
    clips = [clip(30_000, k) for k in range(6)]
    together = ours(*clips)
    assert all(np.array_equal(image, ours(one)[0]) for image, one in zip(together, clips, strict=True))


def test_real_speech(ravdess):
    signal = librosa.load(min(ravdess.glob("Actor_01/*.flac")), sr=RATE)[0]
    rounded = np.round(np.clip(signal, -1, 1 - 2**-15) * 32768).astype(np.int16)
    np.testing.assert_allclose(ours(rounded)[0], theirs(rounded), atol=2e-3)


def test_inconsistent_options_are_refused():
    with pytest.raises(InputError, match="hop=4096 exceeds"):
        mel.load(rate=RATE, hop=4096)
