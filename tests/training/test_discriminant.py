"""Shrinkage LDA compared with scikit-learn's."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from emospace.training.discriminant import discriminants

SHRINKAGES = (0.05, 0.5, 1.0)


def problem(rows: int, dims: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(rows)
    labels = np.repeat([1, 4, 7], [rows // 2, rows // 4, rows - rows // 2 - rows // 4])
    return random.normal(size=(rows, dims)) @ random.normal(size=(dims, dims)) + labels[:, None] % 3, labels


@pytest.mark.parametrize(("rows", "dims"), [(60, 5), (24, 40)], ids=["more rows", "more dimensions"])
def test_scores_equal_those_of_scikit_learn_with_equal_priors(rows, dims):
    table, labels = problem(rows, dims)
    for found, shrinkage in zip(discriminants(table, labels, SHRINKAGES), SHRINKAGES, strict=True):
        assert found.shrinkage == shrinkage
        reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=[1 / 3] * 3)
        expected = reference.fit(table, labels).decision_function(table)
        scores = table @ found.coefficients.T + found.intercept
        difference = (scores - scores[:, :1]) - (expected - expected[:, :1])  # a constant per row is without effect
        assert np.abs(difference).max() < 1e-6 * np.abs(expected).max()


def test_constant_features_and_a_single_row_per_class_give_finite_scores():
    for table, labels in ((np.zeros((6, 3)), np.arange(6) % 2), (np.eye(3), np.arange(3))):
        for found in discriminants(table, labels, SHRINKAGES):
            assert np.isfinite(found.coefficients).all() and np.isfinite(found.intercept).all()
