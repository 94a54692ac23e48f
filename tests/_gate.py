"""Sounds, pictures and stores that the tests of the gate share."""

import zipfile

import numpy as np

from emospace.core.store import Ragged
from emospace.media.pictures import add, encode
from emospace.views import _gate_audio_tts as audio_tts

RATE = audio_tts.RATE


def ragged(rows, dtype=np.float32) -> Ragged:
    rows = [np.asarray(row, dtype) for row in rows]
    full = [row for row in rows if len(row)]
    return Ragged(np.concatenate(full), np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64))


def reasons(lines) -> list[str]:
    assert all((line["verdict"] == "pass") == (not line["reason"]) for line in lines)
    return [line["reason"] for line in lines]


def wave(seconds: float, level: float = 0.1, before: float = 0.0) -> np.ndarray:
    """A tone after a pause, int16; level: RMS as a fraction of full scale."""
    tone = level * np.sqrt(2) * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE)) / RATE)
    return np.rint(2**15 * np.concatenate([np.zeros(round(before * RATE)), tone])).astype(np.int16)


def face(seed: int, size: int = 96) -> np.ndarray:
    """A picture with smooth shapes and colours, uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    blobs = [np.exp(-30 * ((x - a) ** 2 + (y - b) ** 2)) for a, b in random.random((3, 2))]
    return np.uint8(40 + 200 * np.stack(blobs, axis=-1).clip(0, 1))


def archive(path, pictures: dict[str, list]) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, frames in pictures.items():
            for k, frame in enumerate(frames):
                add(file, name, k, frame if isinstance(frame, bytes) else encode(frame, 90))
