"""Log loss: the mean of -ln of the probability given to the true class, which counts as 1e-7 where it is less."""

from typing import TYPE_CHECKING

import numpy as np

from emospace.evaluation.metrics._confusion import ratio

if TYPE_CHECKING:
    from emospace.evaluation.measures import Answers

TITLE = "log loss"
PERCENT = False
LOWER_IS_BETTER = True
LEAST = 1e-7  # probabilities are stored with seven digits
HIGHEST = -float(np.log(LEAST))


def statistics(truth: "Answers", predicted: "Answers") -> np.ndarray:
    """Loss and 1, (N, 2)."""
    given = predicted.probabilities[np.arange(len(truth.label)), truth.label]
    return np.stack([-np.log(given.clip(LEAST, 1)), np.ones(len(given))], axis=1)


def value(sums: np.ndarray) -> np.ndarray:
    return ratio(sums[..., 0], sums[..., 1])
