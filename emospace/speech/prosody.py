"""Prosody: measure pitch, pitch range, rate and loudness of speech, and find the voice settings that match them."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from emospace.core.librosa_import import import_librosa

RATE = 16_000  # Hz
LOWEST, HIGHEST = 60.0, 600.0  # Hz: from a low male voice to a scream
FRAME, HOP = 1024, 512  # samples: four periods of the lowest pitch; a hop of 32 ms
SEMITONES = 0.2  # pitch resolution: a third of the cost of pyin's default of 0.1; medians differ by under 3 %
LONGEST = 60  # seconds of audio that pitch is measured on: enough for a median, at a bounded cost
BLOCK = 160  # samples (10 ms) per loudness measurement
DEPTH = 30.0  # dB: a block counts as speech if it is at most this far below the 95th percentile of all blocks


@dataclass(frozen=True)
class Prosody:
    """Prosody of one utterance.

    pitch: median, Hz. spread: distance between the 10th and 90th percentile of pitch, semitones. Both are NaN if no
    frame is voiced. seconds: duration of speech without pauses. level: RMS of that speech, dBFS; -inf for digital
    silence.
    """

    pitch: float
    spread: float
    seconds: float
    level: float


def measure(wave: np.ndarray) -> Prosody:
    """Measure the prosody of int16 samples (T,) at 16 kHz.

    Pitch is estimated by pYIN (Mauch and Dixon 2014), which takes about 25 ms per second of audio.
    """
    seconds, level = activity(wave)
    return Prosody(*(pitch(wave) if seconds else (np.nan, np.nan)), seconds, level)


def activity(wave: np.ndarray) -> tuple[float, float]:
    """Return the duration of speech in seconds and its RMS in dBFS."""
    blocks = np.asarray(wave[: len(wave) // BLOCK * BLOCK], np.float64).reshape(-1, BLOCK) / 32768
    power = np.square(blocks).mean(1)
    if not power.any():
        return 0.0, -np.inf
    active = power[power > np.percentile(power, 95) * 10 ** (-DEPTH / 10)]
    return len(active) * BLOCK / RATE, 10 * float(np.log10(active.mean()))


def pitch(wave: np.ndarray) -> tuple[float, float]:
    """Return median pitch in Hz and its spread in semitones; both NaN if no frame is voiced."""
    signal = np.asarray(wave[: LONGEST * RATE], np.float32) / 32768
    if len(signal) < FRAME:
        return np.nan, np.nan
    librosa = import_librosa("librosa.core.pitch")
    limits = {"fmin": LOWEST, "fmax": HIGHEST, "resolution": SEMITONES}
    hertz, _, _ = librosa.pyin(signal, sr=RATE, frame_length=FRAME, hop_length=HOP, **limits)
    hertz = hertz[np.isfinite(hertz)]
    if not len(hertz):
        return np.nan, np.nan
    low, high = np.percentile(12 * np.log2(hertz), [10, 90])
    return float(np.median(hertz)), float(high - low)


def letters(text: str) -> int:
    """Count the letters and digits of a text, the unit of speech rate in any language."""
    return sum(map(str.isalnum, text))


def speakable(text: str) -> str:
    """Strip what a voice cannot say: tags such as [LAUGHTER], brackets (espeak-ng's phoneme markup), control codes."""
    text = re.sub(r"\[[^\[\]]*\]", " ", unicodedata.normalize("NFC", text))
    return " ".join("".join(c if c.isprintable() else " " for c in re.sub(r"[\[\]]", " ", text)).split())


@dataclass(frozen=True)
class Setting:
    """Settings of an engine. pitch, spread (pitch range): 0 to 99, by default 50. rate: words per minute."""

    pitch: int = 50
    spread: int = 50
    rate: int = 175


RATES = (80, 450)  # words per minute that espeak-ng accepts
STEPS = (0, 25, 50, 75, 99)  # settings of pitch and of range at which a voice is measured
# Only voiced sounds, so that every frame has a pitch; two sentences and a comma, so that pitch varies.
SAMPLE = "We were away a year ago, where no one knew you. I may even allow you more."


@dataclass(frozen=True)
class Scale:
    """Measured response of one voice to its settings, one value for each of STEPS.

    pitches: median pitch in Hz at each pitch setting. spreads: spread in semitones at each range setting. shifts:
    median pitch at each range setting, relative to the median at range 50.
    """

    pitches: Sequence[float]
    spreads: Sequence[float]
    shifts: Sequence[float]

    def aim(self, target: Prosody, spreads: bool) -> tuple[Setting, set[str]]:
        """Return the nearest settings of pitch and range, and which of the two the voice cannot reach.

        spreads: whether the engine has a range setting.
        """
        beyond, step, shift = set(), 50.0, 1.0
        if spreads and np.isfinite(target.spread):
            step = float(np.interp(target.spread, self.spreads, STEPS))
            shift = float(np.interp(step, STEPS, self.shifts))
            beyond |= set() if self.spreads[0] <= target.spread <= self.spreads[-1] else {"range"}
        if not np.isfinite(target.pitch):
            return Setting(spread=round(step)), beyond
        plain = target.pitch / shift
        beyond |= set() if self.pitches[0] <= plain <= self.pitches[-1] else {"pitch"}
        return Setting(round(float(np.interp(np.log(plain), np.log(self.pitches), STEPS))), round(step)), beyond


def calibrate(say: Callable[[str, Setting], np.ndarray], spreads: bool = True) -> Scale | None:
    """Measure how a voice responds to its settings; None if its speech has no pitch.

    say: synthesises a text with a Setting, int16 (T,). spreads: whether the engine has a range setting.
    """
    pitches = [pitch(say(SAMPLE, Setting(pitch=step)))[0] for step in STEPS]
    ranges = [pitch(say(SAMPLE, Setting(spread=step))) for step in STEPS] if spreads else [(1.0, 0.0)] * len(STEPS)
    if not np.isfinite([*pitches, *(value for pair in ranges for value in pair)]).all():
        return None
    middle = ranges[STEPS.index(50)][0]
    rising = np.maximum.accumulate
    return Scale(rising(pitches), rising([spread for _, spread in ranges]), [median / middle for median, _ in ranges])


def matching_rate(setting: int, seconds: float, target: float) -> tuple[int, bool]:
    """Return the words per minute at which a text takes `target` seconds, and whether they had to be clipped to RATES.

    seconds: duration of the same text at `setting` words per minute.
    """
    exact = setting * seconds / target
    return round(float(np.clip(exact, *RATES))), not RATES[0] <= exact <= RATES[1]


def amplify(wave: np.ndarray, level: float) -> tuple[np.ndarray, bool]:
    """Scale int16 samples to a speech level in dBFS; return them, and whether clipping limited the gain."""
    now, peak = activity(wave)[1], int(np.abs(wave.astype(np.int32)).max(initial=0))
    if not (np.isfinite(level) and np.isfinite(now)):
        return wave, False
    gain, limit = 10 ** ((level - now) / 20), 32767 / max(peak, 1)
    return np.rint(wave * min(gain, limit)).astype(np.int16), gain > limit
