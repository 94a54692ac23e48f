"""States of Whisper's encoder (Radford et al. 2022) by CTranslate2, from the weights that faster-whisper listens with.

Whisper hears 30 s at a time and pads what is shorter, so that most of its work on a short clip is silence. Its encoder
takes any even number of frames: here a clip is followed by one second of silence instead. That costs about a tenth, and
the states keep a cosine of .90 (1.3 s of speech) to .98 (4 s) to those of the padded clip, .03 to .01 more than without
the silence (tests/features/encoders/test_whisper.py).
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Positive
from emospace.features.encoders._steps import pooled, states_a_step
from emospace.weights.record import REMEDY, Weights

VIEWS = ("audio",)
WEIGHTS = True
RATE = 16_000  # Hz
PACKAGES = ("ctranslate2", "faster-whisper")

STATE = 320  # samples: one state of the encoder
STATES = RATE // STATE  # per second
WINDOW = 30 * RATE  # samples; the positions that Whisper knows
SILENCE = RATE  # samples after the end of a clip
GRID = RATE // 2  # samples; clips padded to one multiple of it share a batch
BATCH = 4  # of one length: more gain nothing on a CPU


def load(*, weights: Weights | None, per_second: Positive = 12.5, threads: int = 1) -> "Whisper":
    """Encoder of speech: int16 clips (T,), 16 kHz -> float32 (ceil(T / 320 / k), D), means of k last states each.

    D is 384 for tiny, 512 for base. per_second: steps of the feature; k = 50 / per_second must be a whole number. A
    clip longer than 30 s is heard in windows of 30 s. Runs on the CPU, in fp32. A clip's features do not depend on what
    else is in its batch. Raises InputError for weights that are missing, damaged or random.
    """
    pool = states_a_step(STATES, per_second, "whisper")
    if weights is None or weights.random:
        reason = f"Whisper cannot have random weights ({weights.why})" if weights else "it needs pretrained weights"
        raise InputError(weights.directory if weights else "encoder whisper", reason, REMEDY)
    return Whisper(weights, pool, threads)


def check_load(*, per_second: float) -> None:
    """Raise InputError unless a step is the mean of a whole number of states."""
    states_a_step(STATES, per_second, "whisper")


class Whisper:
    """Encodes clips; see `load`."""

    batch = 64

    def __init__(self, weights: Weights, pool: int, threads: int):
        import ctranslate2
        from faster_whisper.feature_extractor import FeatureExtractor

        place = {"device": "cpu", "compute_type": "float32", "inter_threads": 1, "intra_threads": threads}
        try:
            self.model = ctranslate2.models.Whisper(str(weights.directory), **place)
        except (RuntimeError, ValueError) as error:
            reason = f"not a CTranslate2 Whisper model that can be loaded ({str(error).splitlines()[0]})"
            raise InputError(weights.directory, reason, f"delete it and {REMEDY}") from error
        self.mel, self.pool = FeatureExtractor(feature_size=self.model.n_mels), pool
        self.facts = {
            "states": "last layer",
            "steps_per_second": STATES / pool,
            "heard": "real length and 1 s of silence, in windows of 30 s",
            "precision": "fp32",
            "device": "cpu",
        }

    def __call__(self, items: Sequence[np.ndarray], utterances: Sequence[str]) -> list[np.ndarray]:
        """float32 (ceil(T_i / 320 / k), D) of each clip, in order."""
        pieces = [(i, clip[start : start + WINDOW]) for i, clip in enumerate(items) for start in starts(len(clip))]
        states: list[list[np.ndarray]] = [[] for _ in items]
        made = dict(self._encode([piece for _, piece in pieces]))
        for place, (i, _) in enumerate(pieces):
            states[i].append(made[place])
        return [pooled(np.concatenate(found), self.pool) for found in states]

    def _encode(self, pieces: Sequence[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
        """(place, states) of each piece. A batch is of one length: the encoder has no mask for padding."""
        from ctranslate2 import StorageView

        for length, places in batches([len(piece) for piece in pieces]):
            mel = np.stack([self._frames(pieces[place], length) for place in places])
            found = np.array(self.model.encode(StorageView.from_array(mel), to_cpu=True))
            for place, rows in zip(places, found, strict=True):
                yield place, rows[: math.ceil(len(pieces[place]) / STATE)]

    def _frames(self, piece: np.ndarray, length: int) -> np.ndarray:
        """Log-mel spectrum (mels, length / 160) of a piece with silence behind it."""
        padded = np.zeros(length, np.float32)
        padded[: len(piece)] = np.asarray(piece, np.float32) / 32768  # full scale of int16 is 1.0
        return np.asarray(self.mel(padded, padding=0), np.float32)


def starts(length: int) -> range:
    """First samples of the windows of a clip."""
    return range(0, length, WINDOW)


def padded_length(length: int) -> int:
    """Samples that are encoded of a piece of this many: with its silence, on the grid, at most a window."""
    return min(WINDOW, -(-(length + SILENCE) // GRID) * GRID)


def batches(lengths: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """(padded length, places) of pieces that are encoded together."""
    alike = defaultdict(list)
    for place, length in enumerate(lengths):
        alike[padded_length(length)].append(place)
    for length, places in sorted(alike.items()):
        yield from ((length, places[i : i + BATCH]) for i in range(0, len(places), BATCH))
