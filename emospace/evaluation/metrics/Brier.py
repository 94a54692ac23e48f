"""Brier score: mean squared distance between the probabilities and the one-hot true class (Brier 1950), 0 to 2."""

from typing import TYPE_CHECKING

import numpy as np

from emospace.evaluation.metrics._confusion import ratio

if TYPE_CHECKING:
    from emospace.evaluation.measures import Answers

TITLE = "Brier"
PERCENT = False
LOWER_IS_BETTER = True
HIGHEST = 2.0


def statistics(truth: "Answers", predicted: "Answers") -> np.ndarray:
    """Squared distance and a row count of 1, (N, 2)."""
    distance = np.square(predicted.probabilities - truth.probabilities).sum(1)
    return np.stack([distance.clip(0, HIGHEST), np.ones(len(distance))], axis=1)


def value(sums: np.ndarray) -> np.ndarray:
    return ratio(sums[..., 0], sums[..., 1])
