"""Prosody is measured correctly on signals of known pitch, level and pauses, and mapped to a voice's settings."""

import numpy as np
import pytest

from emospace.speech import prosody
from emospace.speech.prosody import RATE, Prosody, Scale, Setting


def tone(hertz, seconds: float = 1.0, amplitude: float = 0.2) -> np.ndarray:
    """Synthesise ten harmonics, like the buzz of vocal folds; hertz: a number or a contour of any length."""
    count = round(seconds * RATE)
    contour = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, np.size(hertz)), np.atleast_1d(hertz))
    phase = 2 * np.pi * np.cumsum(contour) / RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 11))
    return np.rint(wave / np.abs(wave).max() * amplitude * 32767).astype(np.int16)


@pytest.mark.parametrize("hertz", [90, 210, 440])
def test_pitch_is_the_median_of_a_tone(hertz):
    assert prosody.measure(tone(hertz)).pitch == pytest.approx(hertz, rel=0.02)


def test_spread_is_in_semitones_between_percentiles():
    octave = tone(200 * 2 ** np.linspace(0, 1, 50), 3)  # a glide over 12 semitones: 9.6 between these percentiles
    assert prosody.measure(octave).spread == pytest.approx(9.6, abs=1)
    assert prosody.measure(tone(200)).spread < 0.3


def test_pauses_and_surrounding_silence_do_not_count():
    noise = np.random.default_rng(0).normal(0, 8, RATE).astype(np.int16)
    speech = np.concatenate([noise, tone(200, 0.5), noise, tone(200, 0.7), noise])
    plain, padded = prosody.measure(tone(200, 1.2)), prosody.measure(speech)
    assert padded.seconds == pytest.approx(1.2, abs=0.03)
    assert padded.level == pytest.approx(plain.level, abs=0.2)


def test_level_is_rms_below_full_scale():
    sine = np.rint(16384 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)).astype(np.int16)
    assert prosody.measure(sine).level == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.01)


@pytest.mark.parametrize("wave", [np.zeros(0), np.zeros(RATE), np.zeros(90)], ids=["empty", "silence", "moment"])
def test_audio_without_speech_has_no_prosody(wave):
    measured = prosody.measure(wave.astype(np.int16))
    assert np.isnan([measured.pitch, measured.spread]).all() and measured.seconds == 0 and measured.level == -np.inf


def test_noise_has_a_level_but_no_pitch():
    measured = prosody.measure(np.random.default_rng(1).normal(0, 3000, RATE).astype(np.int16))
    assert measured.seconds > 0.9 and measured.level > -25
    assert np.isnan(measured.pitch)


def test_a_clip_of_50_ms_is_measured_without_a_pitch():
    measured = prosody.measure(tone(200, 0.05))
    assert np.isnan(measured.pitch) and measured.seconds == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[LAUGHTER] you are  mad [BREATHING]", "you are mad"),
        ("[[a'b]] \x00hello\n there", "hello there"),
        ("- no!", "- no!"),
        ("", ""),
        ("[LAUGHTER]", ""),
        ("😀 שלום", "😀 שלום"),
        ("i < you & [me", "i < you & me"),
    ],
)
def test_only_speakable_parts_of_a_text_are_kept(text, expected):
    assert prosody.speakable(text) == expected


SCALE = Scale([100, 140, 200, 280, 400], [1, 2, 4, 6, 8], [0.9, 0.95, 1, 1.05, 1.1])


def test_settings_are_read_off_the_measured_scale():
    assert SCALE.aim(Prosody(200, 4, 1, -20), True) == (Setting(50, 50), set())
    assert SCALE.aim(Prosody(280 * 1.05, 6, 1, -20), True) == (Setting(75, 75), set())  # a wide range raises the pitch
    assert SCALE.aim(Prosody(280, 6, 1, -20), False) == (Setting(75, 50), set())
    assert SCALE.aim(Prosody(np.nan, np.nan, 0, -np.inf), True) == (Setting(), set())


def test_targets_out_of_reach_are_reported_and_clipped():
    setting, beyond = SCALE.aim(Prosody(900, 20, 1, -20), True)
    assert (setting.pitch, setting.spread, beyond) == (99, 99, {"pitch", "range"})


def test_calibration_measures_the_voice():
    def say(text, setting):
        return tone(100 + setting.pitch * 2 + np.linspace(-1, 1, 9) * setting.spread / 2, 1.5)

    scale = prosody.calibrate(say)
    assert scale.pitches == pytest.approx([100, 150, 200, 250, 298], rel=0.03)
    assert np.all(np.diff(scale.spreads) > 0)
    assert prosody.calibrate(lambda *_: np.zeros(RATE, np.int16)) is None


def test_rate_scales_within_the_limits_of_the_engine():
    assert prosody.matching_rate(175, 2.0, 1.0) == (350, False)
    assert prosody.matching_rate(175, 2.0, 0.1) == (450, True)
    assert prosody.matching_rate(175, 1.0, 9.0) == (80, True)


def test_loudness_is_set_without_clipping():
    wave = tone(200, amplitude=0.3)
    quiet, beyond = prosody.amplify(wave, -40.0)
    assert prosody.activity(quiet)[1] == pytest.approx(-40, abs=0.05) and not beyond
    loud, beyond = prosody.amplify(wave, 6.0)
    assert beyond and 32000 < np.abs(loud.astype(int)).max() <= 32767
    assert (prosody.amplify(wave, -np.inf)[0] == wave).all()
