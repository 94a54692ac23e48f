"""Metrics against scikit-learn and hand calculations; plug-ins that break the contract are rejected.

Covers: evaluation/measures, evaluation/metrics/*.
"""

import warnings

import numpy as np
import pytest
from _planted_metrics import constant, ones, plant
from sklearn import metrics as reference

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.evaluation import measures
from emospace.evaluation.measures import DEFAULT, Answers, sum_by_group
from emospace.evaluation.metrics import CCC_arousal, CCC_valence
from emospace.evaluation.metrics._confusion import confusion_matrix, f1_scores, matrix, precisions, recalls

OF_ERRORS = ("log_loss", "Brier", "ECE")


def guesses(seed: int, rows: int = 200, classes: int = 4, right: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.choice(classes, rows, p=[0.5, 0.3, 0.15, 0.05])
    return truth, np.where(random.random(rows) < right, truth, random.integers(classes, size=rows))


def answers(label: np.ndarray, classes: int = 4, dimensions: np.ndarray | None = None) -> Answers:
    return Answers(label, np.eye(classes)[label], dimensions)


def confident(seed: int, rows: int = 300, classes: int = 4) -> tuple[Answers, Answers]:
    """Truth, and the predictions of an overconfident model."""
    random = np.random.default_rng(seed)
    label = random.integers(classes, size=rows)
    predicted = random.dirichlet(np.full(classes, 0.8), rows).clip(1e-6)
    predicted /= predicted.sum(1, keepdims=True)
    return answers(label), Answers(predicted.argmax(1), predicted, None)


def score(name: str, truth: Answers, predicted: Answers) -> float:
    return float(measures.value(name)(measures.statistics(name, truth, predicted).sum(0)))


def value(name: str):
    """A metric as a function of counts (..., C, C)."""
    module = plugin.find("metrics", name)
    return lambda table: module.value(table.reshape(*table.shape[:-2], -1))


# Of the confusion matrix --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("unseen", [None, 3])
def test_equal_to_scikit_learn(seed, unseen):
    truth, guess = guesses(seed)
    truth = np.where(truth == unseen, 0, truth)  # class 3 is then predicted but never occurs
    table = confusion_matrix(truth, guess, 4)
    assert (table == reference.confusion_matrix(truth, guess, labels=range(4))).all()
    expected = {
        "WA": reference.accuracy_score(truth, guess),
        "UA": reference.recall_score(truth, guess, labels=np.unique(truth), average="macro"),
        "WF1": reference.f1_score(truth, guess, average="weighted"),
        "MF1": reference.f1_score(truth, guess, average="macro"),
    }
    assert {name: score(name, answers(truth), answers(guess)) for name in DEFAULT} == pytest.approx(expected, abs=1e-12)
    present = np.unique(truth)
    assert recalls(table)[present] == pytest.approx(reference.recall_score(truth, guess, labels=present, average=None))
    assert precisions(table) == pytest.approx(reference.precision_score(truth, guess, labels=range(4), average=None))


def test_hand_calculated_values():
    table = np.array([[90.0, 10.0], [5.0, 5.0]])
    assert value("WA")(table) == pytest.approx(95 / 110) and value("UA")(table) == pytest.approx((0.9 + 0.5) / 2)


def test_an_undefined_rate_is_nan_and_does_not_enter_the_mean():
    table = np.array([[3.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert np.isnan(recalls(table)[2]) and value("UA")(table) == pytest.approx((0.75 + 0.5) / 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in DEFAULT:
            assert np.isnan(value(name)(np.zeros((2, 3, 3)))).all()
        for name in (*OF_ERRORS, "CCC_valence"):
            assert np.isnan(
                plugin.find("metrics", name).value(
                    np.zeros((2, 30))[:, :6] if name == "CCC_valence" else np.zeros((2, 30))
                )
            ).all()


def test_a_stack_of_matrices_gives_the_values_of_each_matrix():
    tables = np.random.default_rng(0).integers(0, 9, (7, 5, 4, 4)).astype(float)
    for metric in [*map(value, DEFAULT), recalls, precisions, f1_scores]:
        assert metric(tables) == pytest.approx(np.array([[metric(one) for one in line] for line in tables]))
    assert (matrix(tables.reshape(7, 5, 16)) == tables).all()


def test_a_class_of_one_row_or_half_a_row_counts():
    for rows in (1.0, 0.5):  # half a row: a mean over two seeds
        table = np.array([[4.0, 0.0], [rows, 0.0]])
        assert recalls(table).tolist() == [1.0, 0.0] and value("UA")(table) == 0.5
        assert precisions(table.T).tolist() == [1.0, 0.0]


# Of probabilities ---------------------------------------------------------------------------------------------


def test_log_loss_and_brier_score_equal_scikit_learn():
    truth, predicted = confident(0)
    assert score("log_loss", truth, predicted) == pytest.approx(
        reference.log_loss(truth.label, predicted.probabilities)
    )
    by_hand = np.mean(
        [
            sum((p - (k == c)) ** 2 for k, p in enumerate(line))
            for c, line in zip(truth.label, predicted.probabilities, strict=True)
        ]
    )
    assert score("Brier", truth, predicted) == pytest.approx(by_hand)


def test_a_certain_error_has_a_finite_loss():
    never = Answers(np.array([1]), np.array([[0.0, 1.0]]), None)
    result = score("log_loss", answers(np.array([0]), 2), never)
    assert result == pytest.approx(-np.log(1e-7)) and score("Brier", answers(np.array([0]), 2), never) == 2


def test_calibration_error_equals_a_loop_over_bins():
    truth, predicted = confident(1)
    confidence, right = predicted.probabilities.max(1), predicted.label == truth.label
    error = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert score("ECE", truth, predicted) == pytest.approx(error) and error > 0.1
    sure = Answers(truth.label, truth.probabilities, None)
    assert score("ECE", truth, sure) == 0


# Of dimensions ------------------------------------------------------------------------------------------------


def rated(seed: int, rows: int = 80) -> tuple[Answers, Answers]:
    random = np.random.default_rng(seed)
    x = random.normal(3, 1, (rows, 3))
    y = 0.5 * x + random.normal(1, 0.5, (rows, 3))
    label = np.zeros(rows, int)
    return answers(label, 2, x), answers(label, 2, y)


def concordance(x: np.ndarray, y: np.ndarray) -> float:
    """Lin 1989, equation 2, with moments over N."""
    return 2 * np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def test_concordance_equals_its_definition_on_the_rated_rows():
    truth, predicted = rated(0)
    truth.dimensions[::4, 0] = np.nan
    known = ~np.isnan(truth.dimensions[:, 0])
    for k, name in enumerate(("CCC_valence", "CCC_arousal", "CCC_dominance")):
        rows = known if k == 0 else slice(None)
        assert score(name, truth, predicted) == pytest.approx(
            concordance(truth.dimensions[rows, k], predicted.dimensions[rows, k])
        )


def test_concordance_is_one_minus_one_or_zero_in_the_limiting_cases():
    truth, _ = rated(1)
    x = truth.dimensions
    turned, shifted, same = (Answers(truth.label, truth.probabilities, v) for v in (2 * x.mean(0) - x, x + 1, x))
    flat = Answers(truth.label, truth.probabilities, np.broadcast_to(x.mean(0), x.shape))
    assert score("CCC_arousal", truth, same) == pytest.approx(1)
    assert score("CCC_arousal", truth, turned) == pytest.approx(-1)
    assert 0 < score("CCC_arousal", truth, shifted) < 0.9
    assert score("CCC_arousal", truth, flat) == pytest.approx(0, abs=1e-9)
    sums = CCC_arousal.statistics(flat, flat).sum(0)
    assert np.isnan(CCC_arousal.value(sums))


def test_concordance_of_a_resample_is_that_of_its_rows():
    truth, predicted = rated(2)
    rows = CCC_valence.statistics(truth, predicted)
    weights = np.random.default_rng(0).integers(0, 3, len(rows))
    drawn = np.repeat(np.arange(len(rows)), weights)
    expected = concordance(truth.dimensions[drawn, 0], predicted.dimensions[drawn, 0])
    assert CCC_valence.value(weights @ rows) == pytest.approx(expected)


# Sums ---------------------------------------------------------------------------------------------------------


def test_statistics_are_summed_over_the_rows_of_each_group_without_ungrouped_rows():
    random = np.random.default_rng(0)
    rows, group = random.normal(size=(50, 3)), random.integers(-1, 4, 50)
    result = sum_by_group(rows, group)
    assert result == pytest.approx(np.array([rows[group == k].sum(0) for k in range(4)]))


# Planted metrics ----------------------------------------------------------------------------------------------


def test_a_metric_written_from_its_contract_alone_works(monkeypatch):
    def statistics(truth, predicted):
        """Whether the true class is among the two likeliest, and a row count of 1."""
        top = np.argsort(-predicted.probabilities, axis=1)[:, :2]
        return np.stack([(top == truth.label[:, None]).any(1), np.ones(len(top))], axis=1)

    plant(monkeypatch, "top2", statistics=statistics, value=lambda sums: sums[..., 0] / sums[..., 1])
    truth, predicted = confident(3)
    expected = reference.top_k_accuracy_score(truth.label, predicted.probabilities, k=2)
    assert score("top2", truth, predicted) == pytest.approx(expected)


@pytest.mark.parametrize("lacking", ["TITLE", "statistics", "value"])
def test_a_metric_that_lacks_an_attribute_is_rejected_during_planning(monkeypatch, lacking):
    attributes = {"TITLE": "x", "statistics": ones, "value": constant(0.5)} | {lacking: None}
    with pytest.raises(InputError, match=rf"emospace/evaluation/metrics/wrong.py.*{lacking}"):
        plant(monkeypatch, "wrong", **attributes)


def test_a_metric_with_another_signature_is_rejected_during_planning(monkeypatch):
    with pytest.raises(InputError, match=r"wrong.py: statistics\(\) takes \(table\), not \(truth, predicted\)"):
        plant(monkeypatch, "wrong", statistics=lambda table: table, value=constant(0.5))


@pytest.mark.parametrize(
    ("statistics", "message"),
    [
        (lambda truth, predicted: np.ones((len(truth.label) - 1, 1)), r"shape \(299, 1\), not \(300, S\)"),
        (lambda truth, predicted: np.ones(len(truth.label)), r"shape \(300,\), not \(300, S\)"),
        (lambda truth, predicted: np.ones((len(truth.label), 0)), r"shape \(300, 0\)"),
        (lambda truth, predicted: np.full((len(truth.label), 2), np.nan), "row 0, which is not finite"),
        (lambda truth, predicted: [["a"]] * len(truth.label), "raised ValueError"),
        (lambda truth, predicted: predicted.dimensions[:, 0], "raised TypeError"),
    ],
)
def test_wrong_statistics_are_rejected_with_file_function_and_contract(monkeypatch, statistics, message):
    plant(monkeypatch, "wrong", statistics=statistics, value=constant(0.5))
    with pytest.raises(
        InputError, match=rf"emospace/evaluation/metrics/wrong.py: statistics\(\).*{message}.*see Metric in docs"
    ):
        measures.statistics("wrong", *confident(0))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (constant(1.5), "1.5, which is outside LOWEST 0 to HIGHEST 1"),
        (constant(-0.1), "-0.1, which is outside"),
        (lambda sums: sums, r"shape \(3, 1\) for sums \(3, 1\), not \(3,\)"),
        (lambda sums: sums[..., 5], "raised IndexError"),
    ],
)
def test_wrong_values_are_rejected_with_file_function_and_contract(monkeypatch, value, message):
    plant(monkeypatch, "wrong", statistics=ones, value=value)
    with pytest.raises(
        InputError, match=rf"emospace/evaluation/metrics/wrong.py: value\(\).*{message}.*see Metric in docs"
    ):
        measures.value("wrong")(np.ones((3, 1)))


def test_runs_are_compared_by_the_configured_metric_or_ua_or_the_first():
    assert measures.compared_by(["WA", "UA"]) == "UA" and measures.compared_by(["WA", "ECE"]) == "WA"
    assert measures.compared_by(["WA", "UA"], "WA") == "WA"
