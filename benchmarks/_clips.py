"""Recordings of noise of varying loudness, for benchmarks of audio encoders."""

from pathlib import Path

import numpy as np


def write_clips(folder: Path, count: int, rate: int) -> list[Path]:
    """Write `count` mono WAV files of 3 to 6 s; rate in Hz."""
    import soundfile

    draw = np.random.default_rng(0)
    paths = [folder / f"{i:03d}.wav" for i in range(count)]
    for path in paths:
        length = int(draw.uniform(3, 6) * rate)
        loudness = np.abs(np.sin(np.linspace(0, draw.uniform(3, 9), length))) * 0.3
        soundfile.write(path, (draw.standard_normal(length) * loudness * 8192).astype(np.int16), rate)
    return paths
