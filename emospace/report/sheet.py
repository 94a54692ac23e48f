"""Examples of augmented copies beside their parents, to read, hear and see, as plain values that the report shows."""

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

EXAMPLES = 6  # of a view, where the corpus may be shared
FAILURES = 1 / 3  # of the examples
RATE = 16000  # Hz
LONGEST = 10  # seconds of an example that are heard
SIDE = 160  # pixels of the longer side of an example


def choose(lines: Sequence[dict[str, str]], labels: Sequence[str], examples: int) -> list[int]:
    """Places of lines of the gate's table to show: two thirds that pass, spread over labels; the rest by reason.

    labels: one per line. Which of a kind is chosen hangs on the utterances' names alone. Where one sort is too few,
    the other fills up. Those that pass come first.
    """
    passed, failed = defaultdict(list), defaultdict(list)
    for i in sorted(range(len(lines)), key=lambda i: hashlib.sha256(lines[i]["utterance"].encode()).digest()):
        good = lines[i]["verdict"] == PASS
        (passed[labels[i]] if good else failed[lines[i]["reason"]]).append(i)
    good, bad = _in_turn(passed), _in_turn(failed)
    shown = max(examples - len(good), min(len(bad), round(FAILURES * examples)))
    return good[: max(0, examples - shown)] + bad[: min(shown, examples)]


def _in_turn(groups: dict[str, list[int]]) -> list[int]:
    """One of each group, then a second of each, and so on."""
    rounds = zip_longest(*(groups[name] for name in sorted(groups)))
    return [i for i in chain.from_iterable(rounds) if i is not None]


def example(line: dict[str, str], label: str, before: dict, after: dict) -> dict:
    """One example: what the gate says of it, and what is shown of parent and copy."""
    about = {key: line[key] for key in ("utterance", "verdict", "reason")}
    scores = {name.replace("_", " "): cell for name, cell in line.items() if name not in about and cell}
    return {**about, "label": label, "scores": scores, "before": before, "after": after}


def reader(path: Path, words: Path | None = None) -> Callable[[int, str], dict]:
    """(row, utterance) -> what is shown of it, from a part's store of samples, zip of pictures or table of texts.

    words: a table of what is said in the store. Of tables and stores of other kinds nothing is shown.
    """
    if path.suffix == ".zip":
        frames = Frames(path)
        return lambda i, utterance: picture(frames.row(utterance))
    if path.suffix == ".csv":
        said = texts.read(path) if texts.is_table(path) else None
        return lambda i, utterance: {"words": said[i]} if said else {}
    waves, heard = Ragged.open(path), texts.read(words) if words else None
    if waves.values.dtype != np.int16 or waves.values.ndim != 1:
        return lambda i, utterance: {}
    return lambda i, utterance: sound(waves[i]) | ({"words": heard[i]} if heard else {})


def picture(jpegs: Sequence[bytes]) -> dict:
    """The middle one of some pictures as a small JPEG in a data URI; {} where there is none or it is broken."""
    from PIL import Image

    if not jpegs:
        return {}
    try:
        with Image.open(io.BytesIO(jpegs[len(jpegs) // 2]), formats=["JPEG"]) as found, io.BytesIO() as file:
            small = found.convert("RGB")
            small.thumbnail((SIDE, SIDE))
            small.save(file, "JPEG", quality=80)
            return {"picture": _uri("image/jpeg", file.getvalue())}
    except (OSError, SyntaxError, ValueError):
        return {}


def sound(wave: np.ndarray) -> dict:
    """int16 samples (T,) as MP3, which every browser plays, in a data URI; {} where there are none."""
    import soundfile

    if not len(wave):
        return {}
    with io.BytesIO() as file:
        soundfile.write(file, wave[: LONGEST * RATE], RATE, format="MP3", subtype="MPEG_LAYER_III")
        return {"sound": _uri("audio/mpeg", file.getvalue()), "seconds": round(len(wave) / RATE, 2)}


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
