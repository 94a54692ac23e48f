"""Recognition by two threads on one model against one thread, same texts; for each engine whose weights are here.

EMOSPACE_VOSK names the folder of a Vosk model; Whisper's are those of `make bench` in weights/, or EMOSPACE_WHISPER's.
The speech is espeak-ng's. It takes two free cores.
"""

import os
from pathlib import Path

from benchmarks._timing import Claim, compare
from emospace.speech.prosody import Setting
from emospace.speech.recognition import recognise
from emospace.speech.voices import Espeak
from emospace.weights.record import Weights

PLACES = {"vosk": "EMOSPACE_VOSK", "whisper": "EMOSPACE_WHISPER"}
FETCHED = Path(__file__).parents[1] / "weights/whisper_tiny_en"
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
        folder = Path(os.environ.get(variable) or (FETCHED if engine == "whisper" else ""))
        if not (folder / "conf").is_dir() and not (folder / "model.bin").is_file():
            print(f"{engine}: there is no model of it (see {variable}), so it is not measured")
            continue
        weights = Weights(engine, folder, "local", str(folder), "", {}, False, "")

        def hear(threads: int, engine=engine, weights=weights) -> list:
            return recognise(waves, weights=weights, engine=engine, threads=threads)

        assert hear(1) == hear(2), f"{engine}: other texts by two threads"
        # Loading the model counts, once per job as it does in use.
        note = f"{len(waves)} sentences, loading the model included"
        claim = Claim(f"recognition by {engine}, two threads", "one", "two", 1.5, note)
        rows += compare({"one": lambda hear=hear: hear(1), "two": lambda hear=hear: hear(2)}, [claim])
    return rows


if __name__ == "__main__":
    print(measure())
