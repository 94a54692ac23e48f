"""The audio view: every utterance as int16 samples of one rate, mono, in a ragged store.

A recording is decoded and resampled once, whole, and its utterances are slices of it: much faster than a decoder per
utterance, and no filter starts anew at a cut. The samples equal those of `librosa.load(file, sr=sample_rate)`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core import store
from emospace.core.manifest import Problem, Utterance
from emospace.core.option_types import Count, Natural, NotNegative
from emospace.media import sound
from emospace.media.opening import AGAIN, MediaError, locate
from emospace.views._files import SLACK, Answer, by_file, ends_early, mostly_there
from emospace.views._reading import waves as read  # noqa: F401

KIND = "audio"
SUFFIX = ".npy"
MEDIUM = "audio"
PACKAGES = ("soundfile", "soxr", "av", "numpy")
NOTHING = np.empty(0, np.int16)
LONGEST = 2  # times the length of its utterance: beyond that, most of a recording is something else


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
    """Write the store `out` with one row of samples per utterance; returns the problems met and facts for the sidecar.

    channel: "mean" of all channels (IEMOCAP's dialogues have one per actor, and the manifest does not say whose is
    which), or the number of one. min_seconds: shorter utterances are left out. silence_dbfs: so are those whose RMS is
    below this, in dB of full scale. What is left out, or missing, is a row of length zero. Where a file ends early,
    what it holds is taken if that is at least half of the utterance.
    """
    problems: list[Problem] = []
    lengths: list[int] = []

    def work(file: str, group: list[Utterance]) -> Answer:
        samples, declared, lacking = sound.decode(locate(root, file), sample_rate, channel)
        cuts = [_cut(row, samples, declared, sample_rate, min_seconds, silence_dbfs) for row in group]
        told = any(flaw and flaw.reason == "truncated" for _, flaw in cuts)
        flaws = [MediaError("truncated", lacking, AGAIN)] if lacking and not told else []
        return Answer([([] if found is None else [found], flaw) for found, flaw in cuts], flaws)

    def samples():
        for _, found in by_file(rows, "audio", root, work, problems):
            row = np.frombuffer(found[0], np.int16) if found else NOTHING
            lengths.append(len(row))
            yield row

    _, total = store.write(out, samples(), dtype=np.int16)
    facts = {"rows": len(rows), "missing": lengths.count(0), "seconds": total / sample_rate, "sample_rate": sample_rate}
    return problems, facts


def _cut(row: Utterance, samples: np.ndarray, declared: float, rate: int, min_seconds: float, silence: float) -> tuple:
    """(samples or None, flaw or None) of one utterance; declared: seconds that the file's header claims."""
    available = len(samples) / rate
    start, end = (0.0, max(row.end - row.start, declared)) if row.whole else (row.start, row.end)
    early = ends_early(start, end, available)
    if early and not mostly_there(start, end, available):
        return None, early
    if row.whole and available > LONGEST * (row.end - row.start) + SLACK:
        detail = f"the recording has {available:.3f} s, the utterance {row.end - row.start:.3f} s"
        return None, MediaError("too long", detail, "give the utterance its own recording, or correct its times")
    found = samples if row.whole else samples[round(start * rate) : round(end * rate)]
    if len(found) < max(1, min_seconds * rate):
        detail = f"{len(found) / rate:.3f} s, fewer than {min_seconds} s"
        return None, MediaError("too short", detail, "correct its times, or lower views: audio: min_seconds")
    level = sound.loudness(found)
    if level < silence:
        detail = f"{level:.1f} dBFS, below {silence} dBFS"
        return None, MediaError("silent", detail, "listen to the file; or lower views: audio: silence_dbfs")
    return found, early
