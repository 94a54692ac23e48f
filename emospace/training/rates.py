"""Learning rates: a schedule over the steps, and reductions after epochs without improvement."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from emospace.core.option_types import Decay

STEPS, FACTOR = 3, 0.1  # of the decay "step": the rate falls to a tenth after each third of the steps
SMALLEST = 1e-4  # relative improvement that counts, as in torch's ReduceLROnPlateau


@dataclass(frozen=True)
class Plateau:
    """Multiply the rate by `factor` whenever `watch` has not improved for more than `patience` epochs.

    watch: the dev score, minimised if its name ends in "loss", else maximised. Equivalent to ReduceLROnPlateau of torch
    with its default threshold, but computed from the history, so that a resumed training needs no further state.
    """

    watch: str = "dev_loss"
    factor: float = 0.1
    patience: int = 10

    def rate(self, history: Iterable[dict]) -> float:
        """Factor of the peak rate in the epoch after this history. Epochs whose score is NaN do not count."""
        rate, best, waited = 1.0, None, 0
        for score in filter(math.isfinite, signed(history, self.watch)):
            waited += 1
            if best is None or score > best + SMALLEST * abs(best):
                best, waited = score, 0
            if waited > self.patience:
                rate, waited = rate * self.factor, 0
        return rate


def signed(history: Iterable[dict], watch: str) -> list[float]:
    """Watched score of each epoch, signed so that higher is better."""
    sign = -1 if watch.endswith("loss") else 1
    return [sign * line[watch] for line in history]


def learning_rate(step: int, steps: int, warmup: float, decay: Decay = "cosine") -> float:
    """Factor of the peak rate at a step: linear warmup, then decay over the remaining steps.

    "cosine" and "linear" fall to zero, "step" to a tenth after each third; "constant" does not fall.
    """
    rising = max(1, round(steps * warmup)) if warmup else 0
    if step < rising:
        return (step + 1) / rising
    share = (step - rising) / max(1, steps - rising)
    if decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * share))
    return {"linear": 1 - share, "step": FACTOR ** int(STEPS * share), "constant": 1.0}[decay]
