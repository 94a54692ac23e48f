"""Weights of the paths: one set per subset of inputs, so that an input without weight beside better ones counts."""

import numpy as np
import pytest
import torch
from _small import BRIEF, CLASSES, split

from emospace.core.data import Fold
from emospace.models import unified
from emospace.models.unified.pool import MOST, fit_weights, rows_of_subset, subsets
from emospace.models.unified.unit_space import Space


def test_the_weights_of_a_subset_are_fitted_with_the_other_inputs_hidden(tmp_path):
    fold = Fold(CLASSES, *(split(seed, 60, missing=0.0) for seed in (1, 2, 3)))
    trained = unified.train(fold, seed=1, checkpoint=tmp_path, **BRIEF)
    names = sorted(fold.train.inputs)
    owner = np.array([name.split(" ")[0] for name in trained.facts["path_weights"]])
    for subset, weights in zip(subsets(len(names)), trained.state["weights"], strict=True):
        inside = np.isin(owner, np.array(names)[subset])
        assert weights[inside].max() > 0.1 and np.abs(weights[~inside]).max(initial=0) < 1e-3
    alone = fold.test.hiding(set(names[1:]))
    before = unified.apply(trained, alone).probabilities
    trained.state["weights"][0] *= 2
    assert np.abs(unified.apply(trained, alone).probabilities - before).max() > 0.01
    assert (before.argmax(1) == np.arange(60) % 3).mean() > 0.8


def test_every_subset_of_few_inputs_has_weights_and_of_many_single_ones_and_all():
    assert subsets(1).tolist() == [[True]]
    assert len(subsets(3)) == 7 and subsets(3)[:3].tolist() == np.eye(3, dtype=bool).tolist() and subsets(3)[-1].all()
    many = subsets(MOST + 1)
    assert len(many) == MOST + 2 and many[-1].all()


def test_weights_are_fitted_to_rows_with_all_inputs_of_a_subset_if_there_are_any():
    present = np.array([[1, 1], [1, 0], [0, 1]], bool)
    assert rows_of_subset(present, np.array([True, True])).tolist() == [True, False, False]
    assert rows_of_subset(present, np.array([False, True])).tolist() == [True, False, True]
    assert rows_of_subset(present[1:], np.array([True, True])).tolist() == [True, True]


@pytest.mark.parametrize("count", [2, MOST + 1])
def test_a_row_gets_the_weights_of_its_subset_or_the_sum_of_those_of_its_inputs(count):
    network = Space({f"i{k}": (3, "") for k in range(count)}, 3, 8, 8, 4, 0.0)
    weights = torch.arange(network.weights.numel(), dtype=torch.float32).view_as(network.weights)
    present = torch.zeros(3, count, dtype=torch.bool)
    present[0], present[1, 1], present[2, :2] = True, True, True
    rows = network.of_subset(weights, present)
    assert rows[:2].tolist() == weights[[-1, 1]].tolist()
    pair = weights[-1] if count == 2 else weights[0] + weights[1]
    assert rows[2].tolist() == pair.tolist()


def test_a_path_that_adds_nothing_gets_no_weight():
    random, label = np.random.default_rng(0), np.arange(300) % 3
    good = np.eye(3)[label] + 0.5 * random.normal(size=(300, 3))
    useful, useless = fit_weights(np.stack([good, random.normal(size=(300, 3))], 1), label)
    assert useful > 1 and useless < 0.2
