"""Statistics of long inputs have the means of both tails, of each row's own steps; the linear paths read them.

Covers: models/unified/statistics.
"""

import numpy as np
import torch
from _small import CLASSES, SMALL, probabilities

from emospace.core.data import Fold, Rows
from emospace.core.store import Ragged
from emospace.models import unified
from emospace.models.unified.encoder import SequenceEncoder, Shape
from emospace.models.unified.statistics import ALL, BASIC, statistics

STEPS = 64


def ragged(*rows: np.ndarray) -> Ragged:
    return Ragged(np.concatenate(rows).astype(np.float32), np.cumsum([0, *map(len, rows)]))


def test_statistics_of_a_row_are_those_of_its_steps_up_to_the_limit():
    row = np.random.default_rng(1).permutation(np.stack([np.arange(40.0), -(np.arange(40.0) ** 2)], 1))
    [table] = statistics(ragged(row), ALL, 100)
    np.testing.assert_allclose(table[0], row.mean(0), rtol=1e-6)
    np.testing.assert_allclose(table[1], row.std(0), rtol=1e-6)
    np.testing.assert_allclose(table[2], [2, -np.mean(np.arange(35, 40) ** 2)])  # 40 / 8 = 5 steps, each column alone
    np.testing.assert_allclose(table[3], [37, -np.mean(np.arange(5) ** 2)])
    np.testing.assert_array_equal(statistics(ragged(row), ALL, 16), statistics(ragged(row[:16]), ALL, 100))
    np.testing.assert_array_equal(statistics(ragged(row), BASIC, 100)[0], table[:BASIC])


def test_a_single_step_is_its_own_tail_and_a_missing_row_has_no_statistics():
    table = statistics(ragged(np.array([[3.0, 4.0]]), np.zeros((0, 2))), ALL, 100)
    np.testing.assert_array_equal(table[0], [[3, 4], [0, 0], [3, 4], [3, 4]])
    assert np.isnan(table[1]).all()


def test_standardised_statistics_are_those_of_standardised_steps():
    rows = ragged(*np.random.default_rng(2).normal(5, 3, (4, 40, 2)))
    encoder = SequenceEncoder(Shape(2, "sequence"), 8, 8, 0, 0.0)
    encoder.mean, encoder.scale = torch.tensor([5.0, 4.0]), torch.tensor([3.0, 0.5])
    scaled = ragged(*((row - encoder.mean.numpy()) / encoder.scale.numpy() for row in rows))
    table = encoder.standardise_statistics(torch.from_numpy(statistics(rows, ALL, 100)))
    np.testing.assert_allclose(table, statistics(scaled, ALL, 100), rtol=1e-4, atol=1e-5)


def moments(seed: int, count: int, hidden: bool = False) -> Rows:
    """Classes differ in four of 64 steps, which are raised or lowered; mean and deviation are the same."""
    rng, label = np.random.default_rng(seed), np.arange(count) % 3
    rows = []
    for k in label:
        row = rng.permutation(np.linspace(-1, 1, STEPS))
        row[rng.choice(STEPS, 4, replace=False)] = (0, 4, -4)[k]
        rows.append(((row - row.mean()) / row.std())[:, None])
    unknown = np.full(count, -1)
    shown = unknown if hidden else label
    names = [f"{seed}-{i}" for i in range(count)]
    return Rows(names, ["A"] * count, {"x": ragged(*rows)}, shown, unknown, np.full((count, 3), np.nan, np.float32))


def test_a_linear_path_reads_the_strongest_moments_of_long_inputs(tmp_path):
    fold = Fold(CLASSES, moments(1, 90), moments(2, 30), moments(3, 60, hidden=True))
    trained = unified.train(fold, seed=1, checkpoint=tmp_path, **SMALL | {"epochs": 1, "lr": 1e-9})
    assert (probabilities(unified, trained, fold)[30:].argmax(1) == np.arange(60) % 3).mean() > 0.9
    assert (Shape(1, "").statistics, Shape(1, "cepstral").statistics) == (BASIC, ALL)
