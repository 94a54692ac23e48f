"""The paths into the space: the linear ones hold the probe, and the weights of all paths are fitted on dev.

Covers: models/unified/pool.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from _small import BRIEF, CLASSES, SMALL, probabilities, split

from emospace.core.data import Fold
from emospace.core.errors import InputError
from emospace.models import linear_probe, unified
from emospace.models.unified.linear_path import ABSENT, LinearPath
from emospace.models.unified.pool import fit_weights
from emospace.training.calibration import softmax
from emospace.training.discriminant import discriminants

RANDOM = np.random.default_rng(0)


def table(count: int, dims: int = 6, gap: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(count) % 3
    return RANDOM.normal(size=(count, dims)) + gap * np.eye(3, dims)[labels], labels


# Linear paths --------------------------------------------------------------------------------------------------------


def test_a_linear_path_decides_like_lda_and_has_unit_scores():
    train, dev = table(90), table(60)
    path = LinearPath(6, 3)
    chosen = path.fit(train, dev)
    scores = path(torch.from_numpy(train[0])).numpy()
    mean, scale = train[0].mean(0), train[0].std(0)
    [lda] = discriminants((train[0] - mean) / scale, train[1], [chosen])
    expected = (train[0] - mean) / scale @ lda.coefficients.T + lda.intercept
    np.testing.assert_array_equal(scores.argmax(1), expected.argmax(1))
    assert scores.std() == pytest.approx(1, rel=1e-3) and np.abs(scores.mean(1)).max() < 1e-5


def test_the_shrinkage_is_chosen_on_dev_and_unknown_labels_do_not_count():
    train, dev = table(15, 6), table(300, 6)
    chosen = {}
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(300)[:40]
        chosen[LinearPath(6, 3).fit(train, (dev[0][order], dev[1][order]))] = True
    assert len(chosen) > 1
    hidden = train[0], np.where(np.arange(15) < 12, train[1], -1)
    first, second = LinearPath(6, 3), LinearPath(6, 3)
    first.fit(hidden, dev)
    second.fit((train[0][:12], train[1][:12]), dev)
    assert torch.equal(first.weight, second.weight)


def test_classes_without_train_rows_score_low_and_one_class_alone_gives_no_path():
    values, labels = table(60)
    path = LinearPath(6, 3)
    path.fit((values[labels > 0], labels[labels > 0]), (values, labels))
    assert path.bias[0] == ABSENT and not path.weight[0].any()
    alone = LinearPath(6, 3)
    assert alone.fit((values[labels == 0], labels[labels == 0]), (values, labels)) is None
    assert not alone.weight.any() and not alone.bias.any()


def test_with_learnt_paths_of_no_use_the_space_is_as_good_as_the_probe(tmp_path):
    """After one step of rate zero the learnt paths are random; without linear paths the space is too."""
    fold = Fold(CLASSES, split(1, 90, missing=0), split(2, 30, missing=0), split(3, 90, hidden=True, missing=0))
    label, untrained = np.arange(90) % 3, SMALL | {"epochs": 1, "lr": 1e-9}

    def accuracy(model, **options) -> float:
        trained = model.train(fold, seed=1, checkpoint=tmp_path / str(options), **options)
        return (probabilities(model, trained, fold)[30:].argmax(1) == label).mean()

    probe, with_paths = accuracy(linear_probe), accuracy(unified, **untrained)
    assert with_paths >= probe - 0.02 > 0.8
    assert accuracy(unified, **untrained, linear=False) < probe - 0.2


def test_a_space_needs_an_axis_for_each_class(tmp_path):
    fold = Fold(CLASSES, split(1, 9), split(2, 6), split(3, 6, hidden=True))
    with pytest.raises(InputError, match=r"option embedding: it is 2, and the protocol has 3 classes"):
        unified.train(fold, seed=1, checkpoint=tmp_path, **SMALL | {"embedding": 2})


# Weights -------------------------------------------------------------------------------------------------------------


def scores_of(labels: np.ndarray, quality: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(labels), 3)) + quality * np.eye(3)[labels]


def test_a_path_of_no_use_gets_no_weight_and_a_better_one_more():
    labels = np.arange(600) % 3
    paths = [scores_of(labels, quality, k) for k, quality in enumerate((2.0, 1.0, 0.0, -1.0))]
    weights = fit_weights(np.stack(paths, 1), labels)
    assert weights[0] > 1.5 * weights[1] > 0.5 and weights[2] < 0.15 and weights[3] == 0


def test_the_weighted_sum_is_calibrated_whatever_the_scale_of_a_path():
    labels = np.arange(3000) % 3
    scores = np.stack([scores_of(labels, 1.5, 1), 40 * scores_of(labels, 1.0, 2)], 1)
    weights = fit_weights(scores, labels)
    predicted = softmax(np.einsum("npk,p->nk", scores, weights))
    right = predicted.argmax(1) == labels
    assert predicted.max(1).mean() == pytest.approx(right.mean(), abs=0.02) and right.mean() > 0.75
    assert weights[0] == pytest.approx(1.5, rel=0.15) and weights[1] == pytest.approx(1 / 40, rel=0.15)


def test_classes_count_alike_and_few_rows_move_the_weights_little():
    labels = np.repeat([0, 1, 2], [600, 20, 20])
    against = scores_of(labels, 1.0, 3)
    against[labels == 0] -= 2 * np.eye(3)[0]  # wrong for the frequent class alone
    assert fit_weights(against[:, None], labels)[0] > 0.1
    few = fit_weights(scores_of(np.arange(3), 9.0, 4)[:, None], np.arange(3))
    assert 0 < few[0] < 1


@pytest.mark.parametrize("labels", [np.empty(0, int), np.full(4, -1)], ids=["no rows", "no labels"])
def test_without_labels_every_path_counts(labels):
    assert fit_weights(np.zeros((len(labels), 2, 3)), labels).tolist() == [1, 1]


def test_weights_are_fitted_to_dev_alone(tmp_path):
    """Dev labels that contradict the linear paths take their weight away, and nothing else in them."""
    fold = Fold(CLASSES, split(1, 60, missing=0), split(2, 60, missing=0), split(3, 6, hidden=True))
    wrong = replace(fold, dev=replace(fold.dev, label=(fold.dev.label + 1) % 3))
    options = SMALL | {"epochs": 1}
    first, second = (
        unified.train(f, seed=1, checkpoint=tmp_path / str(i), **options) for i, f in enumerate((fold, wrong))
    )
    weights = [{n: w for n, w in t.facts["path_weights"].items() if "linear" in n} for t in (first, second)]
    assert max(weights[0].values()) > 0.5 > 0.1 > max(weights[1].values())
    encoders = [name for name in first.state if name.startswith("encoders.")]
    assert encoders and all(np.array_equal(first.state[name], second.state[name]) for name in encoders)


def test_the_order_of_inputs_does_not_matter(tmp_path):
    """JSON stores the facts of a model with sorted keys, so a stored model reads its inputs in another order."""
    folds = [Fold(CLASSES, split(1, 60), split(2, 60), split(3, 6, hidden=True))] * 2
    for side in ("train", "dev", "test"):
        rows = getattr(folds[1], side)
        folds[1] = replace(folds[1], **{side: replace(rows, inputs=dict(reversed(rows.inputs.items())))})
    first, second = (unified.train(fold, seed=1, checkpoint=tmp_path / str(i), **BRIEF) for i, fold in enumerate(folds))
    assert first.facts["path_weights"] == second.facts["path_weights"]
    np.testing.assert_array_equal(probabilities(unified, first, folds[0]), probabilities(unified, second, folds[1]))
