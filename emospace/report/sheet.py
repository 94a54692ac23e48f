"""Examples of augmented copies beside their parents: text, sound and pictures as JSON values for the report."""

import base64
import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from emospace.core import texts
from emospace.core.store import Ragged
from emospace.gate.tables import PASS
from emospace.media.pictures import Frames

EXAMPLES = 6  # per view, if the corpus may be shared
FAILURES = 1 / 3  # of the examples
RATE = 16000  # Hz
MAX_SECONDS = 10  # of sound per example
SIDE = 160  # pixels, longer side of a picture


def choose(lines: Sequence[dict[str, str]], labels: Sequence[str], examples: int) -> list[int]:
    """Indices of the lines of the gate's table to show: two thirds passing, spread over labels; the rest over reasons.

    labels: one per line. The choice depends only on the utterances' names. If there are too few of one verdict, the
    other fills up. Passing lines come first.
    """
    passed, failed = defaultdict(list), defaultdict(list)
    for i in sorted(range(len(lines)), key=lambda i: hashlib.sha256(lines[i]["utterance"].encode()).digest()):
        good = lines[i]["verdict"] == PASS
        (passed[labels[i]] if good else failed[lines[i]["reason"]]).append(i)
    good, bad = _in_turn(passed), _in_turn(failed)
    shown = max(examples - len(good), min(len(bad), round(FAILURES * examples)))
    return good[: max(0, examples - shown)] + bad[: min(shown, examples)]


def _in_turn(groups: dict[str, list[int]]) -> list[int]:
    """The first of each group, then the second of each, and so on."""
    rounds = zip_longest(*(groups[name] for name in sorted(groups)))
    return [i for i in chain.from_iterable(rounds) if i is not None]


def example(line: dict[str, str], label: str, before: dict, after: dict) -> dict:
    """One example: verdict, reason and scores of the gate, and the content of parent and copy."""
    verdict = {key: line[key] for key in ("utterance", "verdict", "reason")}
    scores = {name.replace("_", " "): cell for name, cell in line.items() if name not in verdict and cell}
    return {**verdict, "label": label, "scores": scores, "before": before, "after": after}


def reader(path: Path, words: Path | None = None) -> Callable[[int, str], dict]:
    """(row, utterance) -> content to show, from a part's store of samples, zip of pictures or table of texts.

    words: table of transcripts of the store. Other types of store or table give {}.
    """
    if path.suffix == ".zip":
        frames = Frames(path)
        return lambda i, utterance: picture(frames.row(utterance))
    if path.suffix == ".csv":
        lines = texts.read(path) if texts.is_table(path) else None
        return lambda i, utterance: {"words": lines[i]} if lines else {}
    waves, transcripts = Ragged.open(path), texts.read(words) if words else None
    if waves.values.dtype != np.int16 or waves.values.ndim != 1:
        return lambda i, utterance: {}
    return lambda i, utterance: sound(waves[i]) | ({"words": transcripts[i]} if transcripts else {})


def picture(jpegs: Sequence[bytes]) -> dict:
    """The middle picture as a small JPEG in a data URI; {} if there is none or it cannot be decoded."""
    from PIL import Image

    if not jpegs:
        return {}
    try:
        with Image.open(io.BytesIO(jpegs[len(jpegs) // 2]), formats=["JPEG"]) as image, io.BytesIO() as file:
            small = image.convert("RGB")
            small.thumbnail((SIDE, SIDE))
            small.save(file, "JPEG", quality=80)
            return {"picture": _uri("image/jpeg", file.getvalue())}
    except (OSError, SyntaxError, ValueError):
        return {}


def sound(wave: np.ndarray) -> dict:
    """int16 samples (T,) as MP3, which every browser plays, in a data URI; {} for T = 0."""
    import soundfile

    if not len(wave):
        return {}
    with io.BytesIO() as file:
        soundfile.write(file, wave[: MAX_SECONDS * RATE], RATE, format="MP3", subtype="MPEG_LAYER_III")
        return {"sound": _uri("audio/mpeg", file.getvalue()), "seconds": round(len(wave) / RATE, 2)}


def _uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
