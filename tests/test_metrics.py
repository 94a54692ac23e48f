"""Metrics against scikit-learn and by hand; intervals against a plain bootstrap and against the truth they promise."""

import importlib.util
import warnings

import numpy as np
import pytest
from conftest import ROOT
from sklearn import metrics as reference

from emospace import bootstrap
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


# Intervals ---------------------------------------------------------------------------------------------------------


def speakers_tables(random: np.random.Generator, speakers: int, rows: int, spread: float) -> np.ndarray:
    """Counts (1, speakers, 2, 2) of speakers that differ: the accuracy of each is drawn around 0.6."""
    skill = np.clip(random.normal(0.6, spread, speakers), 0, 1)
    right = random.binomial(rows, skill).astype(float)
    tables = np.zeros((1, speakers, 2, 2))
    tables[0, :, 0, 0], tables[0, :, 0, 1] = right, rows - right
    return tables


def test_draws_are_seeded_and_hold_as_many_speakers_as_there_are():
    drawn = bootstrap.weights(7, seed=3, draws=50)
    assert drawn.shape == (50, 7) and (drawn.sum(1) == 7).all()
    assert (drawn == bootstrap.weights(7, seed=3, draws=50)).all()
    assert (drawn != bootstrap.weights(7, seed=4, draws=50)).any()


def test_a_draw_equals_the_plain_way_of_repeating_the_rows_of_drawn_speakers():
    truth, guess = guesses(1)
    speaker = np.random.default_rng(2).integers(6, size=len(truth))
    tables = np.array([[confusion_matrix(truth[speaker == s], guess[speaker == s], 4) for s in range(6)]])
    drawn = bootstrap.weights(6, seed=0, draws=30)
    found = bootstrap.distribution(UA, tables, drawn)
    for value, times in zip(found, drawn, strict=True):
        rows = np.concatenate([np.flatnonzero(speaker == s) for s in range(6) for _ in range(int(times[s]))])
        assert value == pytest.approx(reference.balanced_accuracy_score(truth[rows], guess[rows]))


def test_seeds_are_averaged_inside_each_draw():
    tables = np.concatenate([speakers_tables(np.random.default_rng(s), 5, 20, 0.2) for s in (1, 2)])
    drawn = bootstrap.weights(5, 0, 40)
    each = [bootstrap.distribution(WA, tables[[s]], drawn) for s in (0, 1)]
    assert bootstrap.distribution(WA, tables, drawn) == pytest.approx(np.mean(each, axis=0))


def covered(spread: float, clustered: bool, worlds: int = 200, speakers: int = 30, rows: int = 40) -> float:
    """Share of simulated corpora whose interval holds the true accuracy, 0.6."""
    random, hits = np.random.default_rng(0), 0
    for world in range(worlds):
        tables = speakers_tables(random, speakers, rows, spread)
        if not clustered:  # every utterance its own cluster, which ignores that speakers differ
            right = int(tables[0, :, 0, 0].sum())
            tables = np.zeros((1, speakers * rows, 2, 2))
            tables[0, :right, 0, 0], tables[0, right:, 0, 1] = 1, 1
        drawn = bootstrap.weights(tables.shape[1], world, 200)
        low, high = bootstrap.interval(bootstrap.distribution(WA, tables, drawn))
        hits += low <= 0.6 <= high
    return hits / worlds


def test_intervals_hold_the_truth_as_often_as_they_say():
    assert 0.88 <= covered(spread=0.15, clustered=True) <= 0.99


def test_intervals_over_utterances_would_not():
    assert covered(spread=0.15, clustered=False, worlds=60) < 0.75


def test_speakers_that_differ_widen_the_interval():
    def width(spread):
        tables = speakers_tables(np.random.default_rng(0), 30, 40, spread)
        low, high = bootstrap.interval(bootstrap.distribution(WA, tables, bootstrap.weights(30, 0)))
        return high - low

    assert width(0.25) > 1.5 * width(0.0)


def test_p_is_one_without_a_difference_small_with_a_clear_one_and_never_zero():
    assert bootstrap.p_value(np.zeros(1000)) == 1
    assert bootstrap.p_value(np.full(1999, 0.1)) == pytest.approx(2 / 2000)
    spread = np.random.default_rng(0).normal(0.02, 0.02, 4000)
    assert bootstrap.p_value(spread) == bootstrap.p_value(-spread) == pytest.approx(0.317, abs=0.03)


def test_equal_systems_are_rarely_called_different():
    random, found = np.random.default_rng(1), []
    for world in range(200):
        skill = np.clip(random.normal(0.6, 0.1, 30), 0, 1)
        tables = np.zeros((2, 30, 2, 2))
        tables[:, :, 0, 0] = random.binomial(40, skill, (2, 30))
        tables[:, :, 0, 1] = 40 - tables[:, :, 0, 0]
        drawn = bootstrap.weights(30, world, 200)
        one, other = (bootstrap.distribution(WA, tables[[k]], drawn) for k in (0, 1))
        found.append(bootstrap.p_value(one - other))
    assert 0.01 <= np.mean(np.array(found) < 0.05) <= 0.12


def test_draws_without_a_value_are_left_out():
    assert bootstrap.interval(np.array([np.nan, 0.2, 0.2, np.nan])) == pytest.approx((0.2, 0.2))
