"""A text encoder that counts letters, installed in the project copies that tests run.

Planning sees an encoder with weights that may use a GPU, but its jobs load no network. If PAUSE is set, each call
sleeps for that many seconds, so that a test can interrupt a job in mid-write.
"""

import os
import time

import numpy as np

from emospace.core.option_types import Count
from emospace.weights.record import Weights

VIEWS = ("text",)
WEIGHTS = True
GPU = True


def load(*, letters: Count = 26, weights: Weights | None = None):
    """Return a function from texts to float32 (1, letters): how often each of the first letters occurs."""
    alphabet = [chr(ord("a") + i) for i in range(letters)]

    def encode(items, utterances):
        time.sleep(float(os.environ.get("PAUSE", "0")))
        return [np.array([[text.lower().count(letter) for letter in alphabet]], np.float32) for text in items]

    return encode
