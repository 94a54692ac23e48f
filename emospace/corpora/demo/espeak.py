"""Voices of the demo corpus: espeak-ng with one voice per actor and one prosody per emotion."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError

RATE = 16_000  # Hz, as in IEMOCAP
NOISE = 60.0  # standard deviation of the room noise in int16 steps: about -55 dBFS

VOICES = {"F": ["f1", "f2", "f3", "f4", "f5"], "M": ["m1", "m2", "m3", "m4", "m7"]}
NEUTRAL = {"F": (55, 165, 85), "M": (40, 160, 85)}  # pitch (0-99), words per minute, amplitude (0-200)
# Added to the neutral prosody for an emotion at full strength.
PROSODY = {
    "ang": (12, 50, 90),
    "exc": (38, 55, 60),
    "fru": (2, 20, 40),
    "hap": (24, 20, 30),
    "neu": (0, 0, 0),
    "sad": (-28, -50, -45),
    "xxx": (0, 0, 0),
}
JITTER = (5, 10, 10)  # standard deviation of pitch, rate and amplitude between turns of one emotion
LIMITS = ((0, 99), (80, 450), (15, 200))


def say(text: str, session: int, letter: str, label: str, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Speech as int16 (T,) at 16 kHz, without surrounding silence. Raises InputError if espeak-ng is missing."""
    actor = np.random.default_rng([session, ord(letter)]).normal(0, 4, 3)  # the actor's habits, same in every dialogue
    prosody = np.array(NEUTRAL[letter]) + strength * np.array(PROSODY[label]) + actor + rng.normal(0, JITTER)
    pitch, rate, amplitude = (round(float(np.clip(p, *limit))) for p, limit in zip(prosody, LIMITS, strict=True))
    voice = VOICES[letter][(session - 1) % len(VOICES[letter])]
    options = ["-b", "1", "-v", f"en-us+{voice}", "-p", str(pitch), "-s", str(rate), "-a", str(amplitude)]
    return _trimmed(_espeak([*options, "--", text]))


def _espeak(arguments: list[str]) -> np.ndarray:
    import soundfile
    import soxr

    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "speech.wav")
        try:
            subprocess.run(["espeak-ng", "-w", str(wav), *arguments], check=True, capture_output=True, timeout=60)
        except FileNotFoundError as error:
            raise InputError("espeak-ng", "the program is not installed", "install espeak-ng") from error
        samples, rate = soundfile.read(wav, dtype="int16")
    return soxr.resample(samples, rate, RATE)


def _trimmed(samples: np.ndarray, margin: int = RATE // 50) -> np.ndarray:
    loud = np.flatnonzero(np.abs(samples) > 4 * NOISE)
    if not len(loud):
        raise RuntimeError("espeak-ng produced silence")
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def mix(voices: list[tuple[int, float, np.ndarray]], seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Mix the recording of a dialogue: int16 (T, 2), with the left actor in the left channel and room noise.

    voices: (channel, start in seconds, samples) of each turn.
    """
    sound = rng.normal(0, NOISE, (round(seconds * RATE), 2))
    for channel, start, samples in voices:
        first = round(start * RATE)
        sound[first : first + len(samples), channel] += samples
    return np.clip(np.rint(sound), -32_768, 32_767).astype(np.int16)
