"""Gate of audio_tts: is the synthetic voice about as long and as loud as the recording, and is it intelligible?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emospace.core import texts
from emospace.core.manifest import Utterance
from emospace.core.option_types import NotNegative
from emospace.core.store import Ragged
from emospace.core.words import word_error_rate, words
from emospace.gate.tables import number

COLUMNS = ("duration_ratio", "loudness_db", "word_errors")
RATE = 16000  # Hz, of the audio view and of synthetic speech
FRAME = 320  # samples: 20 ms
QUIET = 35.0  # dB: frames that are softer than the loudest one by more are pauses or room noise


def score(
    rows: Sequence[Utterance],
    parent: Path,
    child: Path,
    *,
    spoken: Path,
    heard: Path | None = None,
    min_duration_ratio: NotNegative = 0.4,
    max_duration_ratio: NotNegative = 2.5,
    max_loudness_db: NotNegative = 12.0,
    max_word_errors: NotNegative | None = 0.5,
) -> list[dict]:
    """Scores of each row, and the reason to reject its copy, or "".

    duration_ratio: duration from the first to the last sound, child over parent. loudness_db: loudness of the child
    minus that of the parent, in dB; the limit applies to its absolute value. word_errors: word error rate between the
    text to say, `spoken`, and the recognised text, `heard`; numbers written as digits on one side count as errors. If
    max_word_errors is None, copies are not recognised and have no word_errors. A copy whose text was cut off in
    translation fails: no score shows it, since the voice says all that is left.
    """
    limits = (min_duration_ratio, max_duration_ratio, max_loudness_db, max_word_errors)
    parents, children = (Ragged.open(path, len(rows)) for path in (parent, child))
    spoken_texts, cut = texts.read_made(spoken), texts.read_cut(spoken)
    recognised = texts.read_made(heard) if heard else [None] * len(rows)
    results = []
    for i in range(len(rows)):
        scores = _scores(parents[i], children[i], spoken_texts[i], recognised[i])
        reason = _missing(parents[i], children[i], spoken_texts[i]) or _reason(scores, cut[i], *limits)
        results.append({**scores, "reason": reason})
    return results


def _scores(parent: np.ndarray, child: np.ndarray, spoken: str, heard: str | None) -> dict[str, float | None]:
    (seconds, level), (parent_seconds, parent_level) = sound(child), sound(parent)
    both, said = bool(seconds and parent_seconds), bool(seconds and words(spoken))
    return {
        "duration_ratio": number(seconds / parent_seconds) if both else None,
        "loudness_db": number(level - parent_level) if both else None,
        "word_errors": number(word_error_rate(spoken, heard)) if said and heard is not None else None,
    }


def _missing(parent: np.ndarray, child: np.ndarray, spoken: str) -> str:
    if not sound(parent)[0]:
        return "no audio"
    if not words(spoken):
        return "nothing to say"
    return "" if sound(child)[0] else "no voice"


def _reason(scores: dict, cut: bool, shortest: float, longest: float, level: float, errors: float | None) -> str:
    if cut:
        return "cut off"
    if scores["duration_ratio"] < shortest:
        return "too short"
    if scores["duration_ratio"] > longest:
        return "too long"
    if abs(scores["loudness_db"]) > level:
        return "too loud" if scores["loudness_db"] > 0 else "too soft"
    return "not understood" if errors is not None and scores["word_errors"] > errors else ""


def sound(wave: np.ndarray) -> tuple[float, float]:
    """Seconds from the first to the last active frame, and RMS of the active frames in dBFS; (0, -inf) for silence.

    A frame of 20 ms is active if it is at most 35 dB softer than the loudest one.
    """
    whole = np.pad(np.asarray(wave, np.float64), (0, -len(wave) % FRAME)).reshape(-1, FRAME)
    power = np.mean(np.square(whole / 2**15), axis=1)
    if not power.any():
        return 0.0, -np.inf
    active = np.flatnonzero(power >= power.max() * 10 ** (-QUIET / 10))
    return (active[-1] - active[0] + 1) * FRAME / RATE, 10 * float(np.log10(power[active].mean()))
