"""Metrics against scikit-learn and by hand."""

import importlib.util
import warnings

import numpy as np
import pytest
from conftest import ROOT
from sklearn import metrics as reference

from emospace.metrics import METRICS, UA, WA, confusion_matrix, f1_scores, precisions, recalls


def guesses(seed: int, rows: int = 200, classes: int = 4, right: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.choice(classes, rows, p=[0.5, 0.3, 0.15, 0.05])
    return truth, np.where(random.random(rows) < right, truth, random.integers(classes, size=rows))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("unseen", [None, 3])
def test_equal_to_scikit_learn(seed, unseen):
    truth, guess = guesses(seed)
    truth = np.where(truth == unseen, 0, truth)  # class 3 is then predicted but never true
    table = confusion_matrix(truth, guess, 4)
    assert (table == reference.confusion_matrix(truth, guess, labels=range(4))).all()
    expected = {
        "WA": reference.accuracy_score(truth, guess),
        "UA": reference.recall_score(truth, guess, labels=np.unique(truth), average="macro"),
        "WF1": reference.f1_score(truth, guess, average="weighted"),
        "MF1": reference.f1_score(truth, guess, average="macro"),
    }
    found = {name: float(metric(table)) for name, metric in METRICS.items()}
    assert found == pytest.approx(expected, abs=1e-12)
    there = np.unique(truth)
    assert recalls(table)[there] == pytest.approx(reference.recall_score(truth, guess, labels=there, average=None))
    assert precisions(table) == pytest.approx(reference.precision_score(truth, guess, labels=range(4), average=None))


def test_known_answers():
    table = np.array([[90.0, 10.0], [5.0, 5.0]])
    assert WA(table) == pytest.approx(95 / 110) and UA(table) == pytest.approx((0.9 + 0.5) / 2)


def test_what_is_undefined_is_nan_and_leaves_the_mean():
    table = np.array([[3.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert np.isnan(recalls(table)[2]) and UA(table) == pytest.approx((0.75 + 0.5) / 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(np.isnan(metric(np.zeros((2, 3, 3)))).all() for metric in METRICS.values())


def test_a_stack_of_tables_is_measured_like_each_of_them():
    tables = np.random.default_rng(0).integers(0, 9, (7, 5, 4, 4)).astype(float)
    for metric in [*METRICS.values(), recalls, precisions, f1_scores]:
        assert metric(tables) == pytest.approx(np.array([[metric(one) for one in line] for line in tables]))


def test_a_class_of_one_row_counts_and_so_does_half_a_row():
    for rows in (1.0, 0.5):  # half a row: the mean of two seeds
        table = np.array([[4.0, 0.0], [rows, 0.0]])
        assert recalls(table).tolist() == [1.0, 0.0] and UA(table) == 0.5
        assert precisions(table.T).tolist() == [1.0, 0.0]


def test_a_metric_is_added_by_writing_a_function(tmp_path):
    code = (ROOT / "emospace/metrics.py").read_text(encoding="utf-8")
    more = code.replace("def recalls(", "def KAPPA(confusion):\n    return confusion.sum()\n\n\ndef recalls(", 1)
    (tmp_path / "more.py").write_text(more, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("more", tmp_path / "more.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.METRICS.keys() - METRICS.keys() == {"KAPPA"}
