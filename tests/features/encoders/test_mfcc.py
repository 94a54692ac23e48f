"""MFCC equal those of librosa, independent of the batch."""

import librosa
import numpy as np
import pytest
from _clips import clip, theirs

from emospace.core.errors import InputError
from emospace.features.encoders import mfcc

TOLERANCE = 1e-3  # on values between about -1100 and 300


def ours(clips: list[np.ndarray], rate: int = 16_000, **options) -> list[np.ndarray]:
    return mfcc.load(rate=rate, **options)(clips, [f"u{i}" for i in range(len(clips))])


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("length", [1, 511, 512, 513, 800, 2047, 2048, 2049, 16_000, 80_123])
def test_equals_librosa_at_any_length(length):
    (coefficients,) = ours([clip(length)])
    assert coefficients.dtype == np.float32 and coefficients.shape == (1 + length // 512, 20)
    np.testing.assert_allclose(coefficients, theirs(clip(length)), atol=TOLERANCE)


def test_other_clips_in_the_batch_do_not_matter():
    # A clip that is 80 dB louder could raise the floor of the others, and its length pads them.
    clips = [clip(70_001, 1, 32_000), clip(9_000, 2, 3), clip(1, 3), np.zeros(5000, np.int16), clip(30_500, 4)]
    for coefficients, one in zip(ours(clips), clips, strict=True):
        np.testing.assert_allclose(coefficients, theirs(one), atol=TOLERANCE)


def test_frames_beyond_a_clips_end_do_not_raise_its_floor():
    # The energy is in the last samples; a frame centred beyond the end, which librosa has not, would contain them.
    late = np.zeros(512 * 9 + 511, np.int16)
    late[-40:] = 30_000
    late[:4000] = clip(4000, 5, 20)
    coefficients, _ = ours([late, clip(40_000, 6)])
    np.testing.assert_allclose(coefficients, theirs(late), atol=TOLERANCE)


@pytest.mark.parametrize(
    "options",
    [{"coefficients": 13}, {"n_fft": 512, "hop": 160, "n_mels": 40}, {"n_mels": 5, "coefficients": 5}],
)
def test_options_have_the_meaning_of_librosas(options):
    names = {"coefficients": "n_mfcc", "hop": "hop_length"}
    expected = theirs(clip(20_000), **{names.get(k, k): v for k, v in options.items()})
    np.testing.assert_allclose(ours([clip(20_000)], **options)[0], expected, atol=TOLERANCE)


@pytest.mark.parametrize("rate", [8000, 22_050])
def test_the_rate_of_the_view_is_used(rate):
    (coefficients,) = ours([clip(33_333, 7)], rate)
    np.testing.assert_allclose(coefficients, theirs(clip(33_333, 7), rate), atol=TOLERANCE)
    assert mfcc.load(rate=rate).facts["transform"] == f"librosa mfcc, {rate} Hz"


def test_results_do_not_depend_on_order_and_batching():
    clips = [clip(int(length), i) for i, length in enumerate(np.random.default_rng(0).integers(1, 40_000, 23))]
    together, apart = ours(clips), [ours([c])[0] for c in clips]
    for a, b, again in zip(together, apart, ours(clips), strict=True):
        np.testing.assert_allclose(a, b, atol=TOLERANCE)
        assert np.array_equal(a, again)


@pytest.mark.parametrize("options", [{"coefficients": 129}, {"hop": 0}, {"hop": 4096}])
def test_inconsistent_options_are_refused(options):
    with pytest.raises(InputError, match="encoder mfcc"):
        mfcc.load(rate=16_000, **options)


def test_real_speech(ravdess):
    paths = sorted(ravdess.glob("Actor_0[12]/*.flac"))[:12]
    assert paths
    signals = [librosa.load(path, sr=16_000)[0] for path in paths]
    clips = [np.round(np.clip(s, -1, 1 - 2**-15) * 32768).astype(np.int16) for s in signals]
    for coefficients, one in zip(ours(clips), clips, strict=True):
        np.testing.assert_allclose(coefficients, theirs(one), atol=TOLERANCE)
