"""How something is said: pitch, its range, rate and loudness; and what to ask of a voice so that it says it so."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RATE = 16_000  # Hz
LOWEST, HIGHEST = 60.0, 600.0  # Hz: from a low man's voice to a scream
FRAME, HOP = 1024, 512  # samples: four periods of the lowest pitch; 32 ms
SEMITONES = 0.2  # step of pitches: a third of the cost of pyin's own 0.1, medians differ by under 3 %
LONGEST = 60  # seconds from which pitch is measured: enough for a median, and the cost stays bounded
BLOCK = 160  # samples (10 ms) of which one loudness is taken
DEPTH = 30.0  # dB below the loud blocks (their 95th percentile) down to which a block counts as speech


@dataclass(frozen=True)
class Prosody:
    """pitch: median, in Hz. spread: from its 10th to its 90th percentile, in semitones; both NaN if nothing is voiced.

    seconds: how long there is speech, pauses left out. level: RMS of that, in dB of full scale (-inf: digital silence).
    """

    pitch: float
    spread: float
    seconds: float
    level: float


def measure(wave: np.ndarray) -> Prosody:
    """Prosody of int16 samples (T,) at 16 kHz. Pitch by pYIN (Mauch and Dixon 2014): 25 ms per second of audio."""
    seconds, level = activity(wave)
    return Prosody(*(pitch(wave) if seconds else (np.nan, np.nan)), seconds, level)


def activity(wave: np.ndarray) -> tuple[float, float]:
    """Seconds of speech, and their RMS in dB of full scale."""
    blocks = np.asarray(wave[: len(wave) // BLOCK * BLOCK], np.float64).reshape(-1, BLOCK) / 32768
    power = np.square(blocks).mean(1)
    if not power.any():
        return 0.0, -np.inf
    active = power[power > np.percentile(power, 95) * 10 ** (-DEPTH / 10)]
    return len(active) * BLOCK / RATE, 10 * float(np.log10(active.mean()))


def pitch(wave: np.ndarray) -> tuple[float, float]:
    """Median pitch in Hz, and its spread in semitones; NaN where nothing is voiced."""
    import librosa

    signal = np.asarray(wave[: LONGEST * RATE], np.float32) / 32768
    if len(signal) < FRAME:
        return np.nan, np.nan
    limits = {"fmin": LOWEST, "fmax": HIGHEST, "resolution": SEMITONES}
    found, _, _ = librosa.pyin(signal, sr=RATE, frame_length=FRAME, hop_length=HOP, **limits)
    found = found[np.isfinite(found)]
    if not len(found):
        return np.nan, np.nan
    low, high = np.percentile(12 * np.log2(found), [10, 90])
    return float(np.median(found)), float(high - low)


def letters(text: str) -> int:
    """Letters and digits of a text: what a rate of speech is counted in, in any language."""
    return sum(map(str.isalnum, text))


def speakable(text: str) -> str:
    """What of a text can be said: no tags such as [LAUGHTER], no brackets (they begin phonemes), no control codes."""
    text = re.sub(r"\[[^\[\]]*\]", " ", unicodedata.normalize("NFC", text))
    return " ".join("".join(c if c.isprintable() else " " for c in re.sub(r"[\[\]]", " ", text)).split())


@dataclass(frozen=True)
class Setting:
    """What an engine is asked for: pitch and its range from 0 to 99, both 50 by default; rate in words per minute."""

    pitch: int = 50
    spread: int = 50
    rate: int = 175


RATES = (80, 450)  # words per minute that espeak-ng obeys
STEPS = (0, 25, 50, 75, 99)
# Nothing but voiced sounds, so that pitch is seen everywhere; two sentences and a comma, for a range.
SAMPLE = "We were away a year ago, where no one knew you. I may even allow you more."


@dataclass(frozen=True)
class Scale:
    """What one voice makes of its settings, measured: at each of STEPS of the pitch its median pitch in Hz; at each of
    STEPS of the range its spread in semitones, and its median pitch relative to that at a range of 50.
    """

    pitches: Sequence[float]
    spreads: Sequence[float]
    shifts: Sequence[float]

    def aim(self, wanted: Prosody, spreads: bool) -> tuple[Setting, set[str]]:
        """The settings of pitch and range nearest to a prosody, and which of the two are out of the voice's reach."""
        beyond, step, shift = set(), 50.0, 1.0
        if spreads and np.isfinite(wanted.spread):
            step = float(np.interp(wanted.spread, self.spreads, STEPS))
            shift = float(np.interp(step, STEPS, self.shifts))
            beyond |= set() if self.spreads[0] <= wanted.spread <= self.spreads[-1] else {"range"}
        if not np.isfinite(wanted.pitch):
            return Setting(spread=round(step)), beyond
        plain = wanted.pitch / shift
        beyond |= set() if self.pitches[0] <= plain <= self.pitches[-1] else {"pitch"}
        return Setting(round(float(np.interp(np.log(plain), np.log(self.pitches), STEPS))), round(step)), beyond


def calibrate(say: Callable[[str, Setting], np.ndarray], spreads: bool = True) -> Scale | None:
    """Hear what a voice makes of its settings; None if it says nothing that has a pitch. spreads: has it a range?"""
    pitches = [pitch(say(SAMPLE, Setting(pitch=step)))[0] for step in STEPS]
    heard = [pitch(say(SAMPLE, Setting(spread=step))) for step in STEPS] if spreads else [(1.0, 0.0)] * len(STEPS)
    if not np.isfinite([*pitches, *(value for pair in heard for value in pair)]).all():
        return None
    middle = heard[STEPS.index(50)][0]
    rising = np.maximum.accumulate
    return Scale(rising(pitches), rising([spread for _, spread in heard]), [median / middle for median, _ in heard])


def rate(setting: int, seconds: float, wanted: float) -> tuple[int, bool]:
    """Words per minute that make `seconds` of speech at `setting` take the `wanted` ones; is that out of reach?"""
    exact = setting * seconds / wanted
    return round(float(np.clip(exact, *RATES))), not RATES[0] <= exact <= RATES[1]


def amplify(wave: np.ndarray, level: float) -> tuple[np.ndarray, bool]:
    """int16 samples whose speech has that level in dB of full scale, or as near to it as goes without clipping."""
    now, peak = activity(wave)[1], int(np.abs(wave.astype(np.int32)).max(initial=0))
    if not (np.isfinite(level) and np.isfinite(now)):
        return wave, False
    gain, most = 10 ** ((level - now) / 20), 32767 / max(peak, 1)
    return np.rint(wave * min(gain, most)).astype(np.int16), gain > most
