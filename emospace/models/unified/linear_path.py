"""The linear path of each input into the space: shrinkage LDA of its mean and deviation over time.

Its scores are the coordinates on the class axes of the space, so the space contains what a linear probe of each input
finds. It is fitted to the train rows in closed form and then stays as it is: gradients would overfit it, because with
more statistics than rows it explains its own train rows almost completely.
"""

import numpy as np
import torch
from torch import nn

from emospace.training.discriminant import Discriminant, discriminants
from emospace.training.recall import mean_recall

SHRINKAGES = (0.5, 0.3, 0.1, 0.7)  # the first is taken without dev rows, and of equals
ABSENT = -3.0  # score of a class without train rows, in deviations of the scores
CONSTANT = 1e-5  # deviation of a statistic, in standardised units, below which it does not vary


class LinearPath(nn.Module):
    """Scores (B, K) of statistics (B, 2 D), centred over the classes, of about unit deviation; zeros until fitted."""

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.register_buffer("weight", torch.zeros(classes, 2 * inputs))
        self.register_buffer("bias", torch.zeros(classes))

    def forward(self, statistics: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(statistics.float(), self.weight, self.bias)

    @torch.no_grad()
    def fit(self, train: tuple[np.ndarray, np.ndarray], dev: tuple[np.ndarray, np.ndarray]) -> float | None:
        """Fit to train, choose the shrinkage by UA on dev, and return it; a no-op with fewer than two classes.

        train, dev: statistics (N, 2 D) and labels (N,), negative if unknown, of the rows that have the input.
        """
        (table, labels), (dev_table, dev_labels) = (_labelled(*side) for side in (train, dev))
        classes = np.unique(labels)
        if len(classes) < 2:
            return None
        mean, scale = table.mean(0), table.std(0)
        scale = np.where(scale > CONSTANT, scale, 1.0)
        settings = SHRINKAGES if len(dev_labels) else SHRINKAGES[:1]
        fitted = discriminants((table - mean) / scale, labels, settings)
        scaled = (dev_table - mean) / scale
        best = max(fitted, key=lambda one: mean_recall(dev_labels, classes[one.scores(scaled).argmax(1)]))
        self._store(best, classes, mean, scale, table)
        return best.shrinkage

    def _store(self, one: Discriminant, classes: np.ndarray, mean: np.ndarray, scale: np.ndarray, table: np.ndarray):
        weight = (one.coefficients - one.coefficients.mean(0)) / scale
        bias = one.intercept - one.intercept.mean() - weight @ mean
        deviation = (table @ weight.T + bias).std() or 1.0
        self.weight.zero_()
        self.bias.fill_(ABSENT)
        self.weight[classes] = torch.from_numpy(weight / deviation).to(self.weight)
        self.bias[classes] = torch.from_numpy(bias / deviation).to(self.bias)


def _labelled(table: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return table[labels >= 0].astype(np.float64), labels[labels >= 0]
