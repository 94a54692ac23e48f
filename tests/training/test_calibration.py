"""Temperatures of class scores."""

import numpy as np
import pytest

from emospace.training.calibration import softmax, temperature


def drawn(scores: np.ndarray) -> np.ndarray:
    """Labels drawn from the probabilities that the scores give."""
    uniform = np.random.default_rng(1).random((len(scores), 1))
    return (uniform > softmax(scores).cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize("factor", [0.3, 1.0, 5.0])
def test_the_temperature_undoes_a_factor(factor):
    scores = np.random.default_rng(0).normal(size=(20_000, 4)) * 2
    assert temperature(scores * factor, drawn(scores)) == pytest.approx(factor, rel=0.05)


def test_unknown_labels_do_not_count_and_without_labels_nothing_changes():
    scores = np.random.default_rng(0).normal(size=(300, 3))
    labels = drawn(scores)
    some = np.where(np.arange(300) < 200, labels, -1)
    assert temperature(scores, some) == temperature(scores[:200], labels[:200])
    assert temperature(scores, np.full(300, -1)) == temperature(scores[:0], labels[:0]) == 1.0


def test_few_rows_that_are_all_right_do_not_make_it_certain():
    scores = np.eye(3)
    assert temperature(scores, np.arange(3)) == pytest.approx(0.1, rel=0.01)
    assert np.isfinite(softmax(scores * 1e4)).all()
