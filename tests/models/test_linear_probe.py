"""The linear probe: candidates of two methods, selection on dev, calibrated probabilities.

Covers: models/_pooled.
"""

from dataclasses import replace

import numpy as np
import pytest
from _small import CLASSES, ragged, split
from sklearn.linear_model import LogisticRegression

from emospace.core.data import Fold, Rows
from emospace.models import linear_probe


@pytest.fixture(scope="module")
def fold() -> Fold:
    return Fold(CLASSES, split(1, 90), split(2, 30), split(3, 30, hidden=True))


def trained(fold: Fold, tmp_path, **options):
    return linear_probe.train(fold, seed=1, checkpoint=tmp_path, **options)


def test_both_methods_are_tried_and_the_best_on_dev_is_kept(fold, tmp_path):
    both = trained(fold, tmp_path, shrinkages=[0.5, 0.9], candidates=[0.01, 0.1])
    assert [line["shrinkage"] for line in both.history[:2]] == [0.5, 0.9]
    assert [line["C"] for line in both.history[2:]] == [0.01, 0.1]
    assert np.isnan([line["C"] for line in both.history[:2]] + [line["shrinkage"] for line in both.history[2:]]).all()
    scores = [line["dev_ua"] for line in both.history]
    assert both.facts["candidate"] == scores.index(max(scores)) + 1 and both.facts["dev_ua"] == max(scores)
    first = trained(fold, tmp_path, shrinkages=[], candidates=[1e-9, 0.1])
    assert len(first.history) == 2 and "shrinkage" not in first.facts


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({"shrinkages": [1e-6, 0.5], "candidates": [1e-9]}, {"shrinkage": 0.5}),
        ({"shrinkages": [1e-6], "candidates": [0.01]}, {"C": 0.01}),
    ],
    ids=["LDA", "logistic regression"],
)
def test_the_better_method_wins(tmp_path, options, chosen):
    """Means of 60 dimensions from 66 rows: without shrinkage the covariance is close to singular."""
    random = np.random.default_rng(4)
    mixing = random.normal(size=(60, 60)) / 8

    def side(count: int) -> Rows:
        label = np.arange(count) % 3
        rows = random.normal(size=(count, 60)) + 1.5 * np.eye(3, 60)[label]
        inputs = {"x": ragged([row[None].astype(np.float32) for row in rows @ (np.eye(60) + mixing)])}
        unknown = np.full(count, -1)
        return Rows([""] * count, [""] * count, inputs, label, unknown, np.full((count, 3), np.nan))

    small = Fold(CLASSES, side(66), side(600), side(1))
    facts = trained(small, tmp_path, **options).facts
    assert facts.items() >= chosen.items()


def test_the_probabilities_are_calibrated_on_dev(fold, tmp_path):
    """LDA with little shrinkage is far too certain; the decisions stay, the log loss does not."""
    half = np.where(np.arange(30) % 2, fold.dev.label, (fold.dev.label + 1) % 3)  # half of the labels are wrong
    unsure = replace(fold, dev=replace(fold.dev, label=half))
    options = {"shrinkages": [0.1], "candidates": [1e-9]}
    first, second = (trained(f, tmp_path, **options) for f in (fold, unsure))
    assert "shrinkage" in first.facts and "shrinkage" in second.facts
    sure, doubtful = (linear_probe.apply(model, fold.test).probabilities for model in (first, second))
    assert (sure.argmax(1) == doubtful.argmax(1)).all()
    assert sure.max(1).mean() > 0.9 and 0.35 < doubtful.max(1).mean() < 0.75


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_is_that_of_scikit_learn(fold, tmp_path, classes):
    """Without dev rows nothing is calibrated; two classes have two rows of coefficients."""
    kept = fold.train.take(np.flatnonzero(fold.train.label < classes))
    less = replace(fold, train=kept, dev=fold.dev.take([]))
    probe = trained(less, tmp_path, shrinkages=[], candidates=[0.1])
    assert probe.state["coefficients"].shape[0] == classes
    table = linear_probe.pooled(kept)
    mean, scale = table.mean(0), np.where(table.std(0) > 0, table.std(0), 1)
    reference = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000).fit(
        (table - mean) / scale, kept.label
    )
    expected = reference.predict_proba((linear_probe.pooled(fold.test) - mean) / scale)
    predicted = linear_probe.apply(probe, fold.test).probabilities
    np.testing.assert_allclose(predicted[:, :classes], expected, atol=1e-5)
    assert not predicted[:, classes:].any()


def test_dev_rows_of_a_class_absent_from_train_count_as_errors(fold, tmp_path):
    less = replace(fold, train=fold.train.take(np.flatnonzero(fold.train.label > 0)))
    probe = trained(less, tmp_path)
    predicted = linear_probe.apply(probe, fold.dev).probabilities
    assert not predicted[:, 0].any()
    recalls = [(predicted.argmax(1)[fold.dev.label == k] == k).mean() for k in range(3)]
    assert recalls[0] == 0 and probe.facts["dev_ua"] == pytest.approx(np.mean(recalls))
