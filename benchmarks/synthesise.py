"""Speech synthesis of 24 sentences: espeak-ng's command from two threads, against one pyttsx3 process per sentence.

Both produce int16 samples at 16 kHz. Both use one library, so the sound differs only in the length of the silence at
its end. Ours returns the same bytes each time. Prosody is `flat`, since the baseline has no other.
"""

import contextlib
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare
from emospace.media.opening import MediaError
from emospace.speech.prosody import RATE, Setting, activity
from emospace.speech.voices import Espeak
from emospace.views.audio import decode

TEXTS = [f"{who} {what} by the {where}" for who in ("kids are", "dogs were") for what in ("talking", "sitting", "lying",
         "waiting") for where in ("door", "river", "old tree")]  # fmt: skip
NAIVE = """
import pyttsx3, sys
engine = pyttsx3.init("espeak")
engine.setProperty("voice", "en-us")
engine.setProperty("rate", 175)
engine.save_to_file(sys.argv[1], sys.argv[2])
engine.runAndWait()
"""
TOLERANCE = 0.1  # seconds of speech


def naive(folder: Path) -> list[np.ndarray]:
    waves = []
    for i, text in enumerate(TEXTS):
        wav = folder / f"{i}.wav"
        while len(waves) == i:  # pyttsx3 sometimes returns with an incomplete file
            subprocess.run([sys.executable, "-c", NAIVE, text, str(wav)], stdout=subprocess.DEVNULL, check=True)
            with contextlib.suppress(MediaError):
                waves.append(decode(wav, RATE)[0])
    return waves


def ours() -> list[np.ndarray]:
    engine = Espeak(60)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda text: engine(text, "en-us", Setting()), TEXTS))


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        pairs = list(zip(naive(Path(folder)), ours(), strict=True))
        off = np.array([abs(activity(a)[0] - activity(b)[0]) for a, b in pairs])
        # pyttsx3 sometimes loses the end of a file, so the median is compared.
        assert np.median(off) < TOLERANCE, f"differs from pyttsx3 by {np.median(off)} s of speech"
        assert all((a == b).all() for (_, a), b in zip(pairs, ours(), strict=True)), "two calls return different bytes"
        note = f"two threads of ours; {(off >= TOLERANCE).sum()} of pyttsx3's files are off by {TOLERANCE} s or more"
        claim = Claim(f"speech of {len(TEXTS)} sentences", "naive", "ours", 5, note)
        return compare({"naive": lambda: naive(Path(folder)), "ours": ours}, [claim])


if __name__ == "__main__":
    print(measure())
