"""Moments of a contour: mean and central moments, as one step."""

import numpy as np

from emospace.core.option_types import Count

VIEWS = ["contour"]
HOLDS = "moments"


def load(*, order: Count = 2):
    """order: the highest moment; features have shape (1, order)."""

    def encode(items, utterances):
        return [moments(np.asarray(item, float), order) for item in items]

    encode.batch = 16
    encode.facts = {"order": order}
    return encode


def moments(item, order):
    mean = item.mean()
    return np.array([[mean, *(np.mean((item - mean) ** k) for k in range(2, order + 1))]], np.float32)
