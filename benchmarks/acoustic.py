"""The acoustic features of the published systems against librosa clip by clip, on 200 clips of 3-6 s.

Both use one thread, because each part is a job and jobs run in parallel.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks import _librosa
from benchmarks._clips import write_clips
from benchmarks._timing import Claim, compare
from emospace.features.encoders import acoustic8, acoustic276

CLIPS = 200
TOLERANCE = 1e-4  # relative to the largest value of each feature
SETS = {
    "8 acoustic features": (acoustic8, _librosa.eight, 44_100),
    "276 acoustic statistics": (acoustic276, _librosa.all_276, 16_000),
}


def naive(paths: list[Path], reference: Callable, rate: int) -> np.ndarray:
    import librosa

    return np.stack([reference(librosa.load(path, sr=rate)[0]) for path in paths])


def ours(paths: list[Path], encoder: ModuleType, rate: int) -> np.ndarray:
    import soundfile

    clips = [soundfile.read(path, dtype="int16")[0] for path in paths]
    return np.concatenate(encoder.load(rate=rate)(clips, [path.stem for path in paths]))


def measure() -> list[dict]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return [_compared(name, *choice) for name, choice in SETS.items()]


def _compared(name: str, encoder: ModuleType, reference: Callable, rate: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        paths, values = write_clips(Path(folder), CLIPS, rate), {}
        ways = {
            "naive": lambda: values.update(naive=naive(paths, reference, rate)),
            "ours": lambda: values.update(ours=ours(paths, encoder, rate)),
        }
        naive(paths[:1], reference, rate), ours(paths[:1], encoder, rate)  # the first call also imports and compiles
        note = f"both from wav files of {rate} Hz, equal to {TOLERANCE:g}"
        row = compare(ways, [Claim(f"{name} of {CLIPS} clips", "naive", "ours", 3, note)], least=1)[0]
    worst = (np.abs(values["naive"] - values["ours"]) / np.abs(values["naive"]).max(axis=0)).max()
    assert worst < TOLERANCE, f"differs from librosa by {worst}"
    return row


if __name__ == "__main__":
    print(measure())
