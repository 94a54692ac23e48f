"""The Whisper stage, from int16 clips to features, against bare CTranslate2, and against windows of 30 s.

Bare CTranslate2 encodes the same clips one by one from spectrograms already in memory. Windows are encoded one by one
too: each clip is padded to 30 s, as in Whisper itself. All use one thread, because each part is a job and jobs run in
parallel. Needs the weights in weights/whisper_tiny_en (`snakemake --cores 1 weights`), or in the folder that
EMOSPACE_WHISPER names.
"""

import os
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare
from emospace.features.encoders import whisper
from emospace.weights.record import Weights

FETCHED = Path(__file__).parents[1] / "weights/whisper_tiny_en"
CLIPS, SOME = 48, 6  # windows of 30 s take a tenth of a minute for SOME clips
SECONDS = 3, 4.5  # of a clip, as in RAVDESS


def clips() -> list[np.ndarray]:
    """Noise of varying level; the cost does not depend on the content."""
    draw = np.random.default_rng(0)
    lengths = (draw.uniform(*SECONDS, CLIPS) * whisper.RATE).astype(int)
    loud = (np.abs(np.sin(np.linspace(0, draw.uniform(3, 9), n))) * 3000 for n in lengths)
    return [(draw.standard_normal(len(level)) * level).astype(np.int16) for level in loud]


def measure() -> list[dict]:
    from ctranslate2 import StorageView
    from threadpoolctl import threadpool_limits

    folder = Path(os.environ.get("EMOSPACE_WHISPER") or FETCHED)
    encoder = whisper.load(weights=Weights("whisper", folder, "local", str(folder), "", {}, False, ""), threads=1)
    sounds = clips()
    spectra = [encoder._frames(sound, whisper.padded_length(len(sound)))[None] for sound in sounds]

    def encoded(spectrum: np.ndarray) -> np.ndarray:
        return np.array(encoder.models[0].encode(StorageView.from_array(spectrum), to_cpu=True))

    ways = {
        "bare": lambda: [encoded(spectrum) for spectrum in spectra],
        "stage": lambda: encoder(sounds, sounds),
        "windows": lambda: [encoded(encoder._frames(sound, whisper.WINDOW)[None]) for sound in sounds[:SOME]],
        "some": lambda: encoder(sounds[:SOME], sounds[:SOME]),
    }
    names = "whisper stage / bare CTranslate2", "whisper stage / 30-s windows one by one"
    setting = f"{SECONDS[0]} to {SECONDS[1]} s, tiny.en, one thread"
    claims = [Claim(names[0], "bare", "stage", 0.85, f"{CLIPS} clips of {setting}")]
    claims += [Claim(names[1], "windows", "some", 8, f"{SOME} clips of {setting}")]
    with threadpool_limits(1):
        return compare(ways, claims, least=5)


if __name__ == "__main__":
    print(measure())
