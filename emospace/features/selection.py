"""Select the frames of an utterance that match its text best, by CLIP embeddings.

The published system cross_modal_emotion_recognition describes such a selection as a dot product of CLIP embeddings. Its
code does not contain it, and it states neither k nor whether the embeddings are normalised.
"""

import numpy as np

from emospace.core.option_types import Count


def best_frames(frames: np.ndarray, text: np.ndarray, *, k: Count = 4, normalise: bool = True) -> np.ndarray:
    """Return the increasing indices of the k frames with the highest scores against the text; int64 (min(k, T),).

    frames: (T, D). text: (1, D), or (0, D) without text; k frames are then spread evenly over time. The score is the
    cosine; with normalise=False, the dot product, to which a frame's norm contributes. Ties go to the earlier frame.
    """
    count = len(frames)
    if count <= k:
        return np.arange(count)
    if not len(text):
        return ((np.arange(k) + 0.5) * count / k).astype(np.int64)  # the centres of k equal intervals
    scores = frames.astype(np.float64) @ text[0].astype(np.float64)
    if normalise:
        scores /= np.maximum(np.linalg.norm(frames, axis=1), np.finfo(np.float32).tiny)
    return np.sort(np.argsort(-scores, kind="stable")[:k])
