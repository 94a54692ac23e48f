"""Recognition by two threads on one model against one thread, same texts; for each engine whose weights are here.

EMOSPACE_VOSK names the folder of a Vosk model, EMOSPACE_WHISPER that of a Whisper model in the CTranslate2 format.
The speech is espeak-ng's. It takes two free cores.
"""

import os
from pathlib import Path

from benchmarks._timing import compare
from emospace.prosody import Setting
from emospace.recognition import recognise
from emospace.voices import Espeak
from emospace.weights import Weights

PLACES = {"vosk": "EMOSPACE_VOSK", "whisper": "EMOSPACE_WHISPER"}
TEXTS = [
    "this is the worst day of my life",
    "i am so happy to see you again",
    "why did you lie to me",
    "leave me alone",
]
REPEATS = 4


def measure() -> list[dict]:
    say = Espeak(60)
    waves = [say(text, "en-us", Setting(rate=rate)) for rate in range(140, 140 + 10 * REPEATS, 10) for text in TEXTS]
    rows = []
    for engine, variable in PLACES.items():
        if not os.environ.get(variable):
            print(f"{engine}: {variable} is not set, so it is not measured")
            continue
        folder = Path(os.environ[variable])
        weights = Weights(engine, folder, "local", str(folder), "", {}, False, "", "")

        def hear(threads: int, engine=engine, weights=weights) -> list:
            return recognise(waves, weights=weights, engine=engine, threads=threads)

        assert hear(1) == hear(2), f"{engine}: other texts by two threads"
        # Loading the model counts, once per job as it does in use.
        slow, fast = compare(lambda hear=hear: hear(1), lambda hear=hear: hear(2))
        note = f"{slow:.2f} s by one thread, {fast:.2f} s by two, {len(waves)} sentences, loading the model included"
        row = {"name": f"recognition by {engine}, two threads", "ratio": round(slow / fast, 2), "target": 1.5}
        rows.append(row | {"note": note})
    return rows


if __name__ == "__main__":
    print(measure())
