"""Expected calibration error: mean gap between confidence and accuracy over 15 confidence bins (Guo et al. 2017).

The bins are fixed and of equal width, so that the hits, confidences and row counts of each bin add up.
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
    """Hits minus confidence per bin, then rows per bin, (N, 2 * BINS)."""
    rows = np.arange(len(truth.label))
    guess = predicted.probabilities.argmax(1)
    confidence = predicted.probabilities[rows, guess].clip(0, 1)
    bin_index = np.minimum(np.ceil(confidence * BINS).astype(int) - 1, BINS - 1).clip(0)
    table = np.zeros((len(rows), 2 * BINS))
    table[rows, bin_index] = (guess == truth.label) - confidence
    table[rows, BINS + bin_index] = 1
    return table


def value(sums: np.ndarray) -> np.ndarray:
    return ratio(np.abs(sums[..., :BINS]).sum(-1), sums[..., BINS:].sum(-1))
