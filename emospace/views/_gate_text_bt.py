"""Gate of text_bt: does the text still mean the same, and is it said in another way?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emospace.core import texts
from emospace.core.manifest import Utterance
from emospace.core.option_types import Cosine
from emospace.core.store import Ragged
from emospace.core.words import words
from emospace.gate.tables import number

COLUMNS = ("similarity", "changed")


def score(
    rows: Sequence[Utterance],
    parent: Path,
    child: Path,
    *,
    features: tuple[Path, Path],
    min_similarity: Cosine = 0.7,
) -> list[dict]:
    """Scores of each row, and the reason against its copy if there is one.

    features: stores of sentence embeddings of both, whose steps are averaged. similarity: cosine of the two, at least
    `min_similarity`. changed: do the words differ (case, punctuation and tags apart)? A copy without a new word adds
    nothing, so it fails; so does one that lost its end in translation.
    """
    embedded = [Ragged.open(path, len(rows)) for path in features]
    before, after, cut = texts.read(parent), texts.read_made(child), texts.read_cut(child)
    found = []
    for i in range(len(rows)):
        similarity = cosine(*(store[i] for store in embedded))
        changed = words(before[i]) != words(after[i])
        reason = _reason(before[i], after[i], cut[i], changed, similarity, min_similarity)
        found.append({"similarity": similarity, "changed": changed, "reason": reason})
    return found


def _reason(before: str, after: str, cut: bool, changed: bool, similarity: float | None, least: float) -> str:
    if not before:
        return "no text"
    if not words(after):
        return "empty"
    if cut:
        return "cut off"
    if not changed:
        return "unchanged"
    if similarity is None:
        return "no embedding"
    return "too far" if similarity < least else ""


def cosine(first: np.ndarray, second: np.ndarray) -> float | None:
    """Cosine of the means of two matrices (T, D), None where one is empty or zero."""
    if not len(first) or not len(second):
        return None
    left, right = (np.mean(matrix, axis=0, dtype=np.float64) for matrix in (first, second))
    scale = np.linalg.norm(left) * np.linalg.norm(right)
    return number(left @ right / scale) if scale else None
