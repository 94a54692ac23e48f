"""Gate of frames_aug: are the pictures all there, are they really changed, and is there still something to see?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emospace.core.manifest import Utterance
from emospace.core.option_types import NotNegative
from emospace.gate.tables import number
from emospace.media.pictures import Frames, decode

COLUMNS = ("frames", "change", "contrast")
LOOKED_AT = 3  # pictures of an utterance: all are changed by the same draw


def score(
    rows: Sequence[Utterance],
    parent: Path,
    child: Path,
    *,
    min_change: NotNegative = 1.0,
    min_contrast: NotNegative = 0.4,
) -> list[dict]:
    """Scores of each row, and the reason against its copy if there is one. At most three pictures are decoded.

    frames: number of the child's pictures; the parent has as many. change: mean size of the difference of a pixel's
    colour, of 255; to store a picture as JPEG once more changes it by less than 1. contrast: standard deviation of the
    child's pixels, as a share of the parent's: next to nothing for a picture that is all white, black or grey.
    Raises InputError for a file that is no zip.
    """
    from tqdm import tqdm

    found = []
    with Frames(parent) as parents, Frames(child) as children:
        for utterance in tqdm([row.utterance for row in rows], "gate frames_aug", disable=None, unit="row"):
            scores, reason = _compare(parents.row(utterance), children.row(utterance), min_change, min_contrast)
            found.append({**scores, "reason": reason})
    return found


def _compare(parent: list[bytes], child: list[bytes], least: float, contrast: float) -> tuple[dict, str]:
    scores: dict[str, float | None] = {"frames": len(child), "change": None, "contrast": None}
    if not parent or len(parent) != len(child):
        return scores, "frames missing" if parent else "no frames"
    try:
        before, after = map(_looked_at, (parent, child))
    except (OSError, SyntaxError, ValueError):
        return scores, "unreadable"
    if [p.shape for p in before] != [p.shape for p in after]:
        return scores, "another size"
    scores["change"] = number(np.mean([np.abs(a - b).mean() for a, b in zip(after, before, strict=True)]))
    spread = np.mean([p.std() for p in before])
    scores["contrast"] = number(np.mean([p.std() for p in after]) / spread) if spread else None
    if scores["change"] < least:
        return scores, "unchanged"
    return scores, "contrast lost" if scores["contrast"] is None or scores["contrast"] < contrast else ""


def _looked_at(jpegs: list[bytes]) -> list[np.ndarray]:
    """First, middle and last of some pictures, float32 (H, W, 3), 0 to 255."""
    chosen = sorted({round(k) for k in np.linspace(0, len(jpegs) - 1, LOOKED_AT)})
    return [decode(jpegs[k]).astype(np.float32) for k in chosen]
