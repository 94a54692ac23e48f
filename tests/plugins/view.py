"""Loudness contour of a recording, in decibels relative to full scale."""

import numpy as np

from emospace.core import store
from emospace.core.manifest import Problem
from emospace.core.option_types import Positive

KIND = "contour"
SUFFIX = ".npy"
MEDIUM = "audio"
PACKAGES = ["soundfile"]


def extract(rows, root, out, *, window: Positive = 0.05):
    """Write float32 (T, 1) per row, one value per window (seconds)."""
    problems = []
    items = (contour(row, root, window, problems) for row in rows)  # one recording in memory at a time
    store.write(out, items, dtype=np.float32, dim=1)
    return problems, {"unit": "dB"}


def contour(row, root, window, problems):
    """Return the contour of one utterance; if it cannot be read, an empty item, and add a problem."""
    import soundfile

    try:
        with soundfile.SoundFile(root / row.audio) as sound:
            rate = sound.samplerate
            sound.seek(0 if row.whole else round(row.start * rate))
            samples = sound.read(round((row.end - row.start) * rate), always_2d=True).mean(1)
    except soundfile.LibsndfileError as error:
        problems.append(Problem(row.utterance, row.audio, "unreadable", str(error), "get it again"))
        return np.empty((0, 1))
    size = round(window * rate)
    if len(samples) < size:
        problems.append(Problem(row.utterance, row.audio, "too short", f"{len(samples)} samples", "check its times"))
        return np.empty((0, 1))
    power = np.square(samples[: len(samples) // size * size]).reshape(-1, size).mean(1, keepdims=True)
    return 10 * np.log10(power + 1e-10)


def read(path, rows):
    return store.Ragged.open(path, len(rows))
