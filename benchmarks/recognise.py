"""Speech recognition by two threads that share a model, against one thread, for each engine whose weights are present.

EMOSPACE_VOSK names the folder of a Vosk model. Whisper's weights are those that `make bench` fetches into weights/, or
those in the folder that EMOSPACE_WHISPER names. The speech is synthesised by espeak-ng, and both ways must recognise
the same texts. This needs two idle cores.
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
            print(f"{engine}: not measured, because no model was found (set {variable})")
            continue
        weights = Weights(engine, folder, "local", str(folder), "", {}, False, "")

        def hear(threads: int, engine=engine, weights=weights) -> list:
            return recognise(waves, weights=weights, engine=engine, threads=threads)

        assert hear(1) == hear(2), f"{engine}: two threads recognise other texts than one"
        # The time to load the model counts, as it is loaded once per job.
        note = f"{len(waves)} sentences, loading the model included"
        claim = Claim(f"recognition by {engine}, two threads", "one", "two", 1.5, note)
        rows += compare({"one": lambda hear=hear: hear(1), "two": lambda hear=hear: hear(2)}, [claim])
    return rows


if __name__ == "__main__":
    print(measure())
