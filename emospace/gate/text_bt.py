"""Back-translation: does it still mean the same, and is it said in another way?"""

from collections.abc import Sequence

import numpy as np

from emospace.gate._tables import line, number
from emospace.kinds import Cosine
from emospace.store import Ragged
from emospace.words import words

COLUMNS = ["utterance", "similarity", "changed", "verdict", "reason"]
PROBE = False


def score(
    utterances: Sequence[str],
    parents: Ragged,
    children: Ragged,
    before: Sequence[str],
    after: Sequence[str],
    cut: Sequence[bool],
    *,
    min_similarity: Cosine = 0.7,
) -> list[dict[str, str]]:
    """Lines of the gate's table of a part, one per utterance, in the order given.

    parents, children: sentence embeddings, row i: (T, D), their steps are averaged. before, after: the texts.
    cut: did the text after lose its end on the way? Such a copy fails.
    similarity: cosine of the two embeddings, at least `min_similarity`. changed: 1 if the words differ (case,
    punctuation and tags apart); a copy without a new word adds nothing, so it fails.
    """
    found = []
    for i, utterance in enumerate(utterances):
        similarity = cosine(parents[i], children[i])
        changed = words(before[i]) != words(after[i])
        reason = _reason(before[i], after[i], cut[i], changed, similarity, min_similarity)
        found.append(line(utterance, {"similarity": similarity, "changed": changed}, reason))
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
