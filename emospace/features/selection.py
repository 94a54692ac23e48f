"""Choose the frames of an utterance that fit its words best, by CLIP.

The published system cross_modal_emotion_recognition describes such a selection as a dot product of CLIP embeddings;
its code does not hold it, and neither k nor whether the embeddings are normalised is said anywhere.
"""

import numpy as np

from emospace.core.option_types import Count


def best_frames(frames: np.ndarray, text: np.ndarray, *, k: Count = 4, normalise: bool = True) -> np.ndarray:
    """Indices, increasing, of the k frames that score highest against the text; int64 (min(k, T),).

    frames: (T, D). text: (1, D), or no row where there are no words: then k frames spread evenly over time are taken.
    The score is the cosine; with normalise=False the plain dot product, in which a frame's norm counts too. Of equal
    scores the earlier frame wins.
    """
    count = len(frames)
    if count <= k:
        return np.arange(count)
    if not len(text):
        return ((np.arange(k) + 0.5) * count / k).astype(np.int64)  # the middles of k equal stretches
    scores = frames.astype(np.float64) @ text[0].astype(np.float64)
    if normalise:
        scores /= np.maximum(np.linalg.norm(frames, axis=1), np.finfo(np.float32).tiny)
    return np.sort(np.argsort(-scores, kind="stable")[:k])
