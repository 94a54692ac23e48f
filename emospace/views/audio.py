"""The audio view: mono int16 samples of each utterance at one sample rate, in a ragged store.

Each recording is decoded and resampled once, as a whole, and then sliced into utterances. This is much faster than
decoding per utterance, and causes no filter transients at the cuts. Samples equal `librosa.load(file, sr=sample_rate)`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core import store
from emospace.core.manifest import SLACK, Problem, Utterance
from emospace.core.option_types import Count, Natural, NotNegative
from emospace.media import sound
from emospace.media.opening import AGAIN, MediaError, locate
from emospace.views._files import Answer, by_file, ends_early, mostly_there
from emospace.views._reading import waves as read  # noqa: F401

KIND = "audio"
SUFFIX = ".npy"
MEDIUM = "audio"
PACKAGES = ("soundfile", "soxr", "av", "numpy")
NOTHING = np.empty(0, np.int16)
LONGEST = 2  # limit of a recording's duration over its utterance's: beyond, most of it is something else


def extract(
    rows: Sequence[Utterance],
    root: Path,
    out: Path,
    *,
    sample_rate: Count = 16000,
    channel: Literal["mean"] | Natural = "mean",
    min_seconds: NotNegative = 0.1,
    silence_dbfs: float = -70.0,
) -> tuple[list[Problem], dict]:
    """Write the store `out` with one row of samples per utterance; return the problems and the facts for the sidecar.

    channel: "mean" of all channels (IEMOCAP's dialogues have one per actor, and the manifest does not tell which), or
    the number of one. min_seconds: shorter utterances are omitted. silence_dbfs: utterances with a lower RMS, in dBFS,
    are omitted. An omitted or missing utterance is a row of length zero. If a file ends within an utterance, the
    available part is used if it is at least half.
    """
    problems: list[Problem] = []
    lengths: list[int] = []

    def work(file: str, group: list[Utterance]) -> Answer:
        samples, claimed, truncation = sound.decode(locate(root, file), sample_rate, channel)
        cuts = [_cut(row, samples, claimed, sample_rate, min_seconds, silence_dbfs) for row in group]
        reported = any(error and error.reason == "truncated" for _, error in cuts)
        errors = [MediaError("truncated", truncation, AGAIN)] if truncation and not reported else []
        return Answer([([] if cut is None else [cut], error) for cut, error in cuts], errors)

    def samples():
        for _, pieces in by_file(rows, "audio", root, work, problems):
            row = np.frombuffer(pieces[0], np.int16) if pieces else NOTHING
            lengths.append(len(row))
            yield row

    _, total = store.write(out, samples(), dtype=np.int16)
    facts = {"rows": len(rows), "missing": lengths.count(0), "seconds": total / sample_rate, "sample_rate": sample_rate}
    return problems, facts


def _cut(row: Utterance, samples: np.ndarray, claimed: float, rate: int, min_seconds: float, silence: float) -> tuple:
    """(samples or None, error or None) of one utterance; claimed: seconds in the header of the file."""
    available = len(samples) / rate
    start, end = (0.0, max(row.end - row.start, claimed)) if row.whole else (row.start, row.end)
    early = ends_early(start, end, available)
    if early and not mostly_there(start, end, available):
        return None, early
    if row.whole and available > LONGEST * (row.end - row.start) + SLACK:
        detail = f"the recording has {available:.3f} s, the utterance {row.end - row.start:.3f} s"
        return None, MediaError("too long", detail, "give the utterance its own recording, or correct its times")
    piece = samples if row.whole else samples[round(start * rate) : round(end * rate)]
    if len(piece) < max(1, min_seconds * rate):
        detail = f"it lasts {len(piece) / rate:.3f} s, less than {min_seconds} s"
        return None, MediaError("too short", detail, "correct its times, or lower views: audio: min_seconds")
    level = sound.loudness(piece)
    if level < silence:
        detail = f"its level is {level:.1f} dBFS, below {silence} dBFS"
        return None, MediaError("silent", detail, "listen to the file, or lower views: audio: silence_dbfs")
    return piece, early
