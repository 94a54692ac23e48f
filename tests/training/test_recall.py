"""UA counts every class that occurs alike, and is undefined without rows."""

import math

import numpy as np
import pytest
from sklearn.metrics import recall_score

from emospace.training.recall import mean_recall


def test_equals_scikit_learn_on_the_classes_that_occur():
    truth, predicted = np.array([0, 0, 0, 2, 2, 5]), np.array([0, 0, 1, 2, 0, 5])
    expected = recall_score(truth, predicted, labels=[0, 2, 5], average="macro")
    assert mean_recall(truth, predicted) == pytest.approx(expected)


def test_without_rows_it_is_undefined():
    assert math.isnan(mean_recall(np.empty(0, int), np.empty(0, int)))
