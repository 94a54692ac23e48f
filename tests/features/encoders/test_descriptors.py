"""Descriptors: the shape of the spectrum equals librosa's; the pitch is that of the signal; silence is finite."""

import librosa
import numpy as np
import pytest
from _clips import clip

from emospace.core.errors import InputError
from emospace.features.encoders import descriptors
from emospace.features.encoders._descriptors import MELS, NAMES, Frames

RATE, FRAME, STEP = 16_000, 960, 160


def ours(*clips: np.ndarray) -> list[np.ndarray]:
    return descriptors.load(rate=RATE)(clips, [""] * len(clips))


def column(values: np.ndarray, name: str) -> np.ndarray:
    return values[:, NAMES.index(name)]


def test_there_are_65_values_every_10_ms_and_clips_shorter_than_a_frame_are_missing():
    rows = ours(clip(9000), clip(FRAME), clip(FRAME - 1))
    assert [row.shape for row in rows] == [(1 + (9000 - FRAME) // STEP, 65), (1, 65), (0, 65)]
    assert descriptors.load(rate=RATE).facts["names"] == list(NAMES) and len(set(NAMES)) == 65
    np.testing.assert_array_equal(ours(clip(FRAME))[0][0], ours(clip(FRAME), clip(9000))[0][0])


def test_the_spectrum_is_described_as_by_librosa():
    signal, frames = clip(30_000), Frames(FRAME, STEP, RATE)
    values = ours(signal)[0]
    parts = librosa.util.frame(signal.astype(np.float32) / 32768, frame_length=FRAME, hop_length=STEP)
    magnitude = np.abs(np.fft.rfft(parts * np.hamming(FRAME)[:, None], frames.size, axis=0))
    spectrum = {"S": magnitude, "freq": np.fft.rfftfreq(frames.size, 1 / RATE)}
    reference = {
        "centroid": librosa.feature.spectral_centroid(**spectrum)[0] / 1000,
        "bandwidth": librosa.feature.spectral_bandwidth(**spectrum)[0] / 1000,
        "rolloff_75": librosa.feature.spectral_rolloff(**spectrum, roll_percent=0.75)[0] / 1000,
        "rms": np.sqrt(np.square(parts).mean(0)),
    }
    for name, expected in reference.items():
        np.testing.assert_allclose(column(values, name), expected, rtol=2e-3, atol=1e-5, err_msg=name)
    contrast = librosa.feature.spectral_contrast(**spectrum, sr=RATE)
    audible = column(values, "rms") > 1e-3  # librosa limits the dynamic range to 80 dB below the loudest frame
    ours_there = values[audible, NAMES.index("contrast_0") :][:, :7]
    np.testing.assert_allclose(ours_there, contrast.T[audible], atol=0.01)
    mel = np.log(librosa.feature.melspectrogram(S=magnitude**2, sr=RATE, n_mels=MELS) + 1e-10)
    np.testing.assert_allclose(values[audible, NAMES.index("log_mel_0") :][:, :MELS], mel.T[audible], atol=1e-3)
    mfcc = librosa.feature.mfcc(S=mel, n_mfcc=15)[1:]
    np.testing.assert_allclose(values[audible, NAMES.index("mfcc_1") :][:, :14], mfcc.T[audible], atol=2e-3)


@pytest.mark.parametrize("pitch", [70.0, 118.0, 230.0, 410.0])
def test_the_pitch_is_that_of_a_harmonic_sound_and_noise_has_none(pitch):
    time, draw = np.arange(RATE) / RATE, np.random.default_rng(0)
    voice = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, int(4000 / pitch))) * 4000
    values = ours(
        (voice + draw.normal(size=RATE) * 20).astype(np.int16), (draw.normal(size=RATE) * 2000).astype(np.int16)
    )
    np.testing.assert_allclose(column(values[0], "f0"), pitch, rtol=0.01)
    assert column(values[0], "harmonics_to_noise").min() > 10 and np.mean(column(values[1], "f0") > 0) < 0.1


def test_silence_is_finite_and_does_not_depend_on_its_length():
    silent = ours(np.zeros(20_000, np.int16))[0]
    assert np.isfinite(silent).all() and (silent == silent[0]).all()


def test_frames_in_blocks_are_the_same(monkeypatch):
    signal = clip(30_000)
    whole = ours(signal)[0]
    monkeypatch.setattr("emospace.features.encoders._descriptors.BLOCK", 7)
    np.testing.assert_allclose(ours(signal)[0], whole, rtol=1e-5, atol=1e-5)


def test_frames_too_short_for_the_lowest_pitch_are_refused():
    with pytest.raises(InputError, match="shorter than a step"):
        descriptors.load(frame=0.02, rate=RATE)
