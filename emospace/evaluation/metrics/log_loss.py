"""Log loss: the mean of -ln p of the true class, with p clipped to at least 1e-7."""

from typing import TYPE_CHECKING

import numpy as np

from emospace.evaluation.metrics._confusion import ratio

if TYPE_CHECKING:
    from emospace.evaluation.measures import Answers

TITLE = "log loss"
PERCENT = False
LOWER_IS_BETTER = True
MINIMUM = 1e-7  # probabilities are stored with seven digits
HIGHEST = -float(np.log(MINIMUM))


def statistics(truth: "Answers", predicted: "Answers") -> np.ndarray:
    """Loss and a row count of 1, (N, 2)."""
    of_truth = predicted.probabilities[np.arange(len(truth.label)), truth.label]
    return np.stack([-np.log(of_truth.clip(MINIMUM, 1)), np.ones(len(of_truth))], axis=1)


def value(sums: np.ndarray) -> np.ndarray:
    return ratio(sums[..., 0], sums[..., 1])
