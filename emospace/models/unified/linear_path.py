"""The linear paths of an input into the space, one per layer: shrinkage LDA of its statistics over time.

Its scores are the coordinates on the class axes of the space, so the space contains what a linear probe of each input
finds. It is fitted to the train rows in closed form and then stays as it is: gradients would overfit it, because with
more statistics than rows it explains its own train rows almost completely. For the same reason the layers of an encoder
have a path each: their sum, weighted on dev, does better than one analysis of all their statistics (docs/model.md).
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
    """Scores (B, K) of statistics (B, C), centred over the classes, of about unit deviation. Zeros until fitted."""

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.register_buffer("weight", torch.zeros(classes, inputs))
        self.register_buffer("bias", torch.zeros(classes))

    def forward(self, statistics: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(statistics.float(), self.weight, self.bias)

    @torch.no_grad()
    def fit(self, train: tuple[np.ndarray, np.ndarray], dev: tuple[np.ndarray, np.ndarray]) -> float | None:
        """Fit to train, choose the shrinkage by UA on dev, and return it; a no-op with fewer than two classes.

        train, dev: statistics (N, C) and labels (N,), negative if unknown, of the rows that have the input.
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


class LinearPaths(nn.ModuleList):
    """A linear path for each of the layers whose states stand side by side in an input of D = layers x W dimensions.

    statistics: how many of each dimension the paths read.
    """

    def __init__(self, inputs: int, layers: int, statistics: int, classes: int):
        super().__init__(LinearPath(statistics * inputs // layers, classes) for _ in range(layers))

    def forward(self, statistics: torch.Tensor) -> torch.Tensor:
        """Scores (B, layers, K) of statistics (B, S, D)."""
        return torch.stack([path(part) for path, part in zip(self, self._parts(statistics), strict=True)], 1)

    def fit(self, train: tuple[np.ndarray, np.ndarray], dev: tuple[np.ndarray, np.ndarray]) -> list[float | None]:
        """Fit each path, see `LinearPath.fit`; train, dev: statistics (N, S, D) and labels (N,)."""
        sides = zip(self._parts(train[0]), self._parts(dev[0]), strict=True)
        return [path.fit((a, train[1]), (b, dev[1])) for path, (a, b) in zip(self, sides, strict=True)]

    def _parts(self, statistics):
        """Statistics (B, S W) of each layer."""
        count, kinds, width = statistics.shape
        parts = statistics.reshape(count, kinds, len(self), width // len(self))
        return [parts[:, :, layer].reshape(count, kinds * width // len(self)) for layer in range(len(self))]


def _labelled(table: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return table[labels >= 0].astype(np.float64), labels[labels >= 0]
