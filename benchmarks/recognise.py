"""Speech recognition by two threads that share a model, against one, for each engine whose weights are present.

For Whisper, also 10 s of silence after the speech against a full window of 30 s (option `silence`); with
EMOSPACE_RAVDESS, `python -m benchmarks.recognise` prints the word error rates of both on every fifth clip.

EMOSPACE_VOSK names the folder of a Vosk model. Whisper's weights are those that `make bench` fetches into weights/, or
those in the folder that EMOSPACE_WHISPER names. The speech is synthesised by espeak-ng, and both ways must recognise
the same texts. This needs two idle cores.
"""

import os
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare
from emospace.core.words import word_error_rate
from emospace.corpora.ravdess import STATEMENTS
from emospace.media.sound import decode
from emospace.speech.prosody import Setting
from emospace.speech.recognition import RATE, WINDOW, recognise
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
SILENCES = {"window": WINDOW, "short": 10.0}  # seconds
EVERY = 5


def opened(engine: str) -> Weights:
    folder = Path(os.environ.get(PLACES[engine]) or (FETCHED if engine == "whisper" else ""))
    return Weights(engine, folder, "local", str(folder), "", {}, False, "")


def measure() -> list[dict]:
    say = Espeak(60)
    waves = [say(text, "en-us", Setting(rate=rate)) for rate in range(140, 140 + 10 * REPEATS, 10) for text in TEXTS]
    rows = []
    for engine, variable in PLACES.items():
        weights = opened(engine)
        if not (weights.directory / "conf").is_dir() and not (weights.directory / "model.bin").is_file():
            print(f"{engine}: not measured, because no model was found (set {variable})")
            continue

        def hear(threads: int, engine=engine, weights=weights) -> list:
            return recognise(waves, weights=weights, engine=engine, threads=threads)

        assert hear(1) == hear(2), f"{engine}: two threads recognise other texts than one"
        # The time to load the model counts, as it is loaded once per job.
        note = f"{len(waves)} sentences, loading the model included"
        claim = Claim(f"recognition by {engine}, two threads", "one", "two", 1.5, note)
        rows += compare({"one": lambda hear=hear: hear(1), "two": lambda hear=hear: hear(2)}, [claim])
        if engine == "whisper":
            rows += silences(waves, weights, note)
    return rows


def silences(waves: list[np.ndarray], weights: Weights, note: str) -> list[dict]:
    """Ratio of a full window to 10 s of silence."""
    claim = Claim("recognition by whisper, 10 s of silence", "window", "short", 2, note)
    return compare({name: lambda s=s: texts(waves, weights, s) for name, s in SILENCES.items()}, [claim])


def texts(waves: list[np.ndarray], weights: Weights, silence: float) -> list[str]:
    return [text for text, _ in recognise(waves, weights=weights, engine="whisper", silence=silence)]


def print_errors(ravdess: Path, weights: Weights) -> None:
    """Print the word error rates with a full window and with 10 s of silence, on every fifth clip."""
    files = sorted(ravdess.glob("Actor_*/03-01-*.*"))[::EVERY]
    clips, truth = [decode(file, RATE)[0] for file in files], [STATEMENTS[file.stem.split("-")[4]] for file in files]
    for name, silence in SILENCES.items():
        rate = word_error_rate(truth, texts(clips, weights, silence))
        print(f"{len(files)} clips, {name}: word error rate {100 * rate:.2f} %")


if __name__ == "__main__":
    print(measure())
    if "EMOSPACE_RAVDESS" in os.environ:
        print_errors(Path(os.environ["EMOSPACE_RAVDESS"]), opened("whisper"))
