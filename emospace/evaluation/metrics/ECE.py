"""Expected calibration error: by how much confidence differs from accuracy, over 15 bins of confidence (Guo 2017).

The bins are of equal width and fixed, so that hits, confidence and rows of each add up.
"""

from typing import TYPE_CHECKING

import numpy as np

from emospace.evaluation.metrics._confusion import ratio

if TYPE_CHECKING:
    from emospace.evaluation.measures import Answers

TITLE = "ECE"
LOWER_IS_BETTER = True
BINS = 15


def statistics(truth: "Answers", predicted: "Answers") -> np.ndarray:
    """Hits less confidence of each bin, then rows of each bin, (N, 2 * BINS)."""
    rows = np.arange(len(truth.label))
    guess = predicted.probabilities.argmax(1)
    confidence = predicted.probabilities[rows, guess].clip(0, 1)
    place = np.minimum(np.ceil(confidence * BINS).astype(int) - 1, BINS - 1).clip(0)
    found = np.zeros((len(rows), 2 * BINS))
    found[rows, place] = (guess == truth.label) - confidence
    found[rows, BINS + place] = 1
    return found


def value(sums: np.ndarray) -> np.ndarray:
    return ratio(np.abs(sums[..., :BINS]).sum(-1), sums[..., BINS:].sum(-1))
