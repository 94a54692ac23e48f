"""Gate of frames_aug: are all pictures present and changed, and do they still have contrast?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emospace.core.manifest import Utterance
from emospace.core.option_types import NotNegative
from emospace.gate.tables import number
from emospace.media.pictures import Frames, decode

COLUMNS = ("frames", "change", "contrast")
SAMPLES = 3  # pictures compared per utterance; one draw changes all of them


def score(
    rows: Sequence[Utterance],
    parent: Path,
    child: Path,
    *,
    min_change: NotNegative = 1.0,
    min_contrast: NotNegative = 0.4,
) -> list[dict]:
    """Scores of each row, and the reason to reject its copy, or "". At most three pictures per row are compared.

    frames: number of pictures of the child, which must equal the parent's. change: mean absolute difference of the
    pixel values (0 to 255); encoding a picture again as JPEG changes it by less than 1. contrast: standard deviation of
    the child's pixels over the parent's; near zero for a picture that is uniformly white, black or grey. Raises
    InputError for a file that is not a zip.
    """
    from tqdm import tqdm

    results = []
    with Frames(parent) as parents, Frames(child) as children:
        for utterance in tqdm([row.utterance for row in rows], "gate frames_aug", disable=None, unit="row"):
            scores, reason = _compare(parents.row(utterance), children.row(utterance), min_change, min_contrast)
            results.append({**scores, "reason": reason})
    return results


def _compare(parent: list[bytes], child: list[bytes], least: float, contrast: float) -> tuple[dict, str]:
    scores: dict[str, float | None] = {"frames": len(child), "change": None, "contrast": None}
    if not parent or len(parent) != len(child):
        return scores, "frames missing" if parent else "no frames"
    try:
        before, after = map(_samples, (parent, child))
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


def _samples(jpegs: list[bytes]) -> list[np.ndarray]:
    """First, middle and last picture, float32 (H, W, 3), 0 to 255."""
    chosen = sorted({round(k) for k in np.linspace(0, len(jpegs) - 1, SAMPLES)})
    return [decode(jpegs[k]).astype(np.float32) for k in chosen]
