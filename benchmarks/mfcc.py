"""MFCC of 200 clips of 3-6 s: our padded batches against librosa.load and librosa.feature.mfcc, clip by clip.

Both use one thread, because each part is a job and jobs run in parallel.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks._clips import write_clips
from benchmarks._timing import Claim, compare
from emospace.features.encoders import mfcc

CLIPS, RATE = 200, 16_000
TOLERANCE = 1e-3  # absolute, on values from about -300 to 100


def naive(paths: list[Path]) -> list[np.ndarray]:
    import librosa

    signals = (librosa.load(path, sr=RATE)[0] for path in paths)
    return [librosa.feature.mfcc(y=signal, sr=RATE, n_mfcc=20).T for signal in signals]


def ours(paths: list[Path]) -> list[np.ndarray]:
    import soundfile

    clips = [soundfile.read(path, dtype="int16")[0] for path in paths]
    return mfcc.load(rate=RATE)(clips, [path.stem for path in paths])


def measure() -> list[dict]:
    import torch
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        paths = write_clips(Path(folder), CLIPS, RATE)
        # The first call of each also imports and compiles: its results are compared, its time is not counted.
        worst = max(np.abs(a - b).max() for a, b in zip(naive(paths), ours(paths), strict=True))
        assert worst < TOLERANCE, f"differs from librosa by {worst}"
        note = f"both from wav files; largest difference {worst:.0e}"
        claim = Claim(f"MFCC of {CLIPS} clips", "naive", "ours", 3, note)
        measured = compare({"naive": lambda: naive(paths), "ours": lambda: ours(paths)}, [claim], least=5)
    torch.set_num_threads(threads)
    return measured


if __name__ == "__main__":
    print(measure())
