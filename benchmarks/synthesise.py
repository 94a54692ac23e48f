"""Speech for 24 sentences: espeak-ng's command line by two threads, against a process per sentence through pyttsx3.

Both give int16 samples of 16 kHz. The sound is the same (one library behind both) but for the length of the silence
at its end; ours is the same bytes each time. With `prosody: flat`, which is all that such a process does.
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
        while len(waves) == i:  # now and then pyttsx3 returns and leaves half a file
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
        # pyttsx3 loses the end of a file now and then; what is compared is that both say the same as a rule.
        assert np.median(off) < TOLERANCE, f"differs from pyttsx3 by {np.median(off)} s of speech"
        assert all((a == b).all() for (_, a), b in zip(pairs, ours(), strict=True)), "not the same bytes twice"
        note = f"two threads of ours; {(off >= TOLERANCE).sum()} of pyttsx3's files are off by {TOLERANCE} s or more"
        claim = Claim(f"speech of {len(TEXTS)} sentences", "naive", "ours", 5, note)
        return compare({"naive": lambda: naive(Path(folder)), "ours": ours}, [claim])


if __name__ == "__main__":
    print(measure())
