"""Gate of text_bt: does the text keep its meaning, and do its words change?"""

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
    """Scores of each row, and the reason to reject its copy, or "".

    features: stores of sentence embeddings of parents and copies; a row's steps are averaged. similarity: cosine of the
    two, at least `min_similarity`. changed: do the words differ, apart from case, punctuation and tags? A copy without
    new words adds nothing, so it fails; so does one that was cut off in translation.
    """
    embeddings = [Ragged.open(path, len(rows)) for path in features]
    before, after, cut = texts.read(parent), texts.read_made(child), texts.read_cut(child)
    results = []
    for i in range(len(rows)):
        similarity = cosine(*(store[i] for store in embeddings))
        changed = words(before[i]) != words(after[i])
        reason = _reason(before[i], after[i], cut[i], changed, similarity, min_similarity)
        results.append({"similarity": similarity, "changed": changed, "reason": reason})
    return results


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
    """Cosine of the means of two matrices (T, D); None if one is empty or its mean is zero."""
    if not len(first) or not len(second):
        return None
    left, right = (np.mean(matrix, axis=0, dtype=np.float64) for matrix in (first, second))
    scale = np.linalg.norm(left) * np.linalg.norm(right)
    return number(left @ right / scale) if scale else None
