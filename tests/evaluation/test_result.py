"""Results of evaluation against scikit-learn on the same rows of a corpus of eight speakers."""

from dataclasses import replace

import numpy as np
import pytest
from _planted_metrics import constant, ones, plant
from conftest import utterance
from sklearn import metrics as reference

from emospace.core.errors import InputError
from emospace.evaluation.clusters import Clusters, clusters
from emospace.evaluation.measures import DEFAULT as METRICS
from emospace.evaluation.measures import tables
from emospace.evaluation.metrics._confusion import matrix
from emospace.evaluation.predictions import Predictions, Truth, select_truth, shared_rows
from emospace.evaluation.result import evaluate, gender_result, parts

CLASSES = ["ang", "hap", "neu"]
SPEAKERS = [f"S{k}" for k in range(8)]
ROWS = [
    utterance(f"{name}_{i:02d}", speaker=name, dialogue=f"{name} {i}", gender="FM"[k % 2], scripted=i % 4 == 0)
    for k, name in enumerate(SPEAKERS)
    for i in range(12)
]
GUESSES = np.random.default_rng(0).integers(0, 3, (2, len(ROWS)))


def corpus() -> Truth:
    """The first fold, two of the eight speakers, has no neutral rows."""
    speaker = np.repeat(np.arange(8), 12)
    label = np.where(speaker < 2, np.arange(96) % 2, np.arange(96) % 3)
    fold, repeated = np.array(["fold0", "fold1"])[(speaker >= 2).astype(int)], np.arange(96) % 12 < 2
    return Truth(CLASSES, ROWS, label, fold, speaker, SPEAKERS, clusters(ROWS), repeated)


def predict(guesses: np.ndarray, gender=None) -> Predictions:
    """Predictions with a probability of .4 for the guess and .3 for the other classes."""
    return Predictions(list(range(len(guesses))), 0.3 + 0.1 * np.eye(3)[guesses], gender)


def scores(label: np.ndarray, guesses: np.ndarray) -> dict[str, float]:
    """Mean over the seeds of each metric."""
    present = {"average": "macro", "labels": np.unique(label), "zero_division": 0}
    each = [
        {
            "WA": reference.accuracy_score(label, guess),
            "UA": reference.recall_score(label, guess, **present),
            "WF1": reference.f1_score(label, guess, average="weighted"),
            "MF1": reference.f1_score(label, guess, average="macro"),
        }
        for guess in guesses
    ]
    return {name: np.mean([one[name] for one in each]) for name in METRICS}


def values(cells: dict) -> dict[str, float]:
    return {name: cells[name]["value"] for name in METRICS}


@pytest.fixture(scope="module")
def truth() -> Truth:
    return corpus()


@pytest.fixture  # of function scope: mutmut maps each function to the tests that call it
def result(truth) -> dict:
    return evaluate(truth, predict(GUESSES), predict(GUESSES[:1]), seed=1, draws=300)


def counts(truth, predictions, group, where=None) -> np.ndarray:
    """Confusion counts (seeds, groups, 3, 3)."""
    member = group if where is None else np.where(where, group, -1)
    result = tables(truth, predictions, ["UA", "WA"], {"": member})[""]
    assert result["UA"] is not None and (result["UA"] == result["WA"]).all()
    return matrix(result["UA"])


def test_rows_are_counted_by_seed_group_class_and_prediction(truth):
    some = np.arange(96) % 5 > 0
    for where, mask in ((None, np.ones(96, bool)), (some, some)):
        table = counts(truth, predict(GUESSES), truth.speaker, where)
        assert table.shape == (2, 8, 3, 3) and table.dtype == float
        for seed, guess in enumerate(GUESSES):
            for k in range(8):
                mine = mask & (truth.speaker == k)
                expected = reference.confusion_matrix(truth.label[mine], guess[mine], labels=range(3))
                assert (table[seed, k] == expected).all()


def test_groups_without_rows_have_zero_counts(truth):
    assert (counts(truth, predict(GUESSES), truth.speaker, truth.speaker < 2)[:, 2:] == 0).all()


def test_pooled_scores_equal_scikit_learn(truth, result):
    assert values(result["pooled"]) == pytest.approx(scores(truth.label, GUESSES))
    assert result["confusion"] == pytest.approx(
        np.mean([reference.confusion_matrix(truth.label, guess) for guess in GUESSES], axis=0)
    )
    each = [scores(truth.label, GUESSES[[seed]]) for seed in (0, 1)]
    for name, cell in result["pooled"].items():
        assert cell["seed_sd"] == pytest.approx(np.std([one[name] for one in each], ddof=1))
        assert 0 <= cell["lo"] < cell["value"] < cell["hi"] <= 1 and cell["clusters"] == 8 and cell["df"] > 0


def test_one_seed_has_no_standard_deviation(truth):
    assert "seed_sd" not in evaluate(truth, predict(GUESSES[:1]), seed=1, draws=100)["pooled"]["UA"]


def test_scores_of_folds_speakers_and_parts_equal_scikit_learn(truth, result):
    cells = [(result["folds"][name], truth.fold == name) for name in ("fold0", "fold1")]
    cells += [(result["speakers"][name], truth.speaker == k) for k, name in enumerate(SPEAKERS)]
    for cell, rows in cells:
        assert {name: cell[name] for name in METRICS} == pytest.approx(scores(truth.label[rows], GUESSES[:, rows]))
        assert cell["n"] == rows.sum() and cell["absent_classes"] == (["neu"] if truth.speaker[rows][0] < 2 else [])
    scripted = np.array([row.scripted for row in ROWS])
    masks = {"improvised": ~scripted, "scripted": scripted, "text not in train": ~truth.repeated}
    assert list(result["parts"]) == list(masks)
    for name, rows in masks.items():
        cell = result["parts"][name]
        assert values(cell) == pytest.approx(scores(truth.label[rows], GUESSES[:, rows])) and cell["n"] == rows.sum()
        assert cell["UA"]["lo"] < cell["UA"]["hi"]


def test_empty_and_complete_parts_are_left_out(truth):
    for scripted in (True, False):
        rows = [replace(row, scripted=scripted) for row in ROWS]
        assert list(parts(replace(truth, rows=rows))) == ["text not in train"]
        assert not parts(replace(truth, rows=rows, repeated=np.full(96, scripted)))


def test_recall_of_each_class_uses_the_speakers_who_have_it(truth, result):
    recalls = [reference.recall_score(truth.label, guess, average=None) for guess in GUESSES]
    for k, name in enumerate(CLASSES):
        cell = result["recall"][name]
        assert cell["value"] == pytest.approx(np.mean(recalls, axis=0)[k]) and cell["n"] == (truth.label == k).sum()
        assert cell["clusters"] == (6 if name == "neu" else 8) and 0 <= cell["lo"] < cell["value"] < cell["hi"] <= 1


def test_intervals_of_recalls_are_clipped_to_zero_and_one(truth):
    """Speakers differ, so without clipping its interval would reach beyond 0 or 1."""
    guess = truth.label.copy()
    guess[(truth.label == 0) & (truth.speaker == 0)] = 1
    for label in (guess, np.where(truth.label == 0, 1 - (guess == 1), guess)):
        cell = evaluate(truth, predict(label[None]), seed=1)["recall"]["ang"]
        assert (cell["hi"] == 1) if cell["value"] > 0.5 else (cell["lo"] == 0)
        assert 0 <= cell["lo"] < cell["hi"] <= 1


def test_intervals_of_scores_are_clipped_at_zero(truth):
    """One speaker is sometimes right, the others never, so Student's t reaches below zero."""
    guess = np.where((truth.speaker == 0) & (np.arange(96) % 3 == 0), truth.label, (truth.label + 1) % 3)
    pooled = evaluate(truth, predict(guess[None]), seed=1)["pooled"]
    assert all(cell["lo"] == 0 < cell["value"] < cell["hi"] for cell in pooled.values())


def test_paired_cells_are_differences_of_scores(truth, result):
    one, other = scores(truth.label, GUESSES), scores(truth.label, GUESSES[:1])
    for name, cell in result["paired"].items():
        assert cell["difference"] == pytest.approx(one[name] - other[name])
        assert cell["seeds"] == [2, 1] and cell["clusters"] == 8 and cell["df"] > 0
        assert -1 <= cell["lo"] < cell["hi"] <= 1
    assert evaluate(truth, predict(GUESSES), seed=1, draws=100)["paired"] is None


def test_intervals_of_differences_are_clipped_to_minus_one_and_one(truth):
    right, wrong = truth.label.copy(), (truth.label + 1) % 3
    right[truth.speaker == 0] = wrong[truth.speaker == 0]
    for pair, end in (((right, wrong), "hi"), ((wrong, right), "lo")):
        cell = evaluate(truth, *(predict(guess[None]) for guess in pair), seed=1)["paired"]["WA"]
        assert cell[end] == np.sign(cell["difference"]) and abs(cell["difference"]) < 1


@pytest.mark.parametrize(
    ("seeds", "stochastic", "tested"),
    [
        ((2, 2), (True, True), True),
        ((1, 2), (True, True), False),
        ((2, 1), (True, True), False),
        ((1, 2), (False, True), True),
        ((2, 1), (True, False), True),
        ((1, 1), (False, False), True),
    ],
)
def test_a_p_value_needs_two_seeds_of_each_stochastic_side(truth, seeds, stochastic, tested):
    pair = (predict(GUESSES[: seeds[0]]), predict(1 - GUESSES[: seeds[1]] % 2))
    cell = evaluate(truth, *pair, seed=1, draws=100, stochastic=stochastic)["paired"]["UA"]
    assert cell["lo"] is not None and not cell["at_most"] and (cell["p"] is not None) == tested
    if stochastic == (True, True):  # the default
        assert cell == evaluate(truth, *pair, seed=1, draws=100)["paired"]["UA"]


def test_seed_and_number_of_draws_are_passed_on():
    """With twelve clusters the method is the bootstrap."""
    many = replace(corpus(), clusters=Clusters("speaker", 12, np.arange(96) // 8))
    settings = ((1, 200), (2, 200), (1, 400), (1, 200))
    cells = [evaluate(many, predict(GUESSES[:1]), predict(GUESSES[1:]), seed=s, draws=d) for s, d in settings]
    for place in (("pooled", "UA"), ("paired", "UA"), ("recall", "ang"), ("parts", "improvised", "UA")):
        ends = []
        for cell in cells:
            for key in place:
                cell = cell[key]
            ends.append(cell["lo"])
        assert len(set(ends[:3])) == 3 and ends[3] == ends[0]


def test_the_smallest_possible_p_value_is_marked():
    many = replace(corpus(), clusters=Clusters("speaker", 12, np.arange(96) // 8))
    pair = predict(many.label[None]), predict((many.label[None] + (np.arange(96) % 5 > 0)) % 3)
    few, more = (
        evaluate(many, *pair, seed=1, draws=draws, stochastic=(False, False))["paired"]["UA"] for draws in (200, 400)
    )
    assert few["at_most"] is True and few["p"] > more["p"] > 0
    assert evaluate(many, *pair, seed=1, draws=200)["paired"]["UA"]["at_most"] is False


def test_too_few_clusters_give_values_without_intervals_and_undefined_metrics_are_none(truth, monkeypatch):
    few = replace(truth, clusters=Clusters("session", 4, truth.speaker // 2))
    plant(monkeypatch, "NOTHING", statistics=ones, value=constant(np.nan))
    result = evaluate(few, predict(GUESSES), predict(GUESSES[:1]), seed=1, metrics=[*METRICS, "NOTHING"])
    for cell in (result["pooled"]["UA"], result["paired"]["UA"], result["recall"]["ang"]):
        assert cell["lo"] is cell["hi"] is cell["df"] is None and cell["clusters"] == 4
    assert result["pooled"]["UA"]["value"] > 0 and result["paired"]["UA"]["p"] is None
    nothing = {"value": None, "lo": None, "hi": None, "clusters": 4, "df": None}
    assert result["pooled"]["NOTHING"] == nothing and result["folds"]["fold0"]["NOTHING"] is None


def test_gender_is_scored_on_rows_with_a_known_gender(truth):
    rows = [replace(row, gender="") if k % 12 == 0 else row for k, row in enumerate(ROWS)]
    female = np.array([[0.9 if row.gender == "F" else 0.1 for row in ROWS]] * 2)
    female[0, 1], female[1, 13] = 0.2, 0.5  # one seed takes a woman for a man, the other a man for a woman
    result = gender_result(replace(truth, rows=rows), predict(GUESSES, female))
    expected = {"accuracy": 87 / 88, "confusion": [[43.5, 0.5], [0.5, 43.5]], "classes": ["F", "M"]}
    assert result == expected | {"n": 88, "majority": 0.5, "baseline": None}
    assert evaluate(replace(truth, rows=rows), predict(GUESSES, female), seed=1, draws=100)["gender"] == result


def test_gender_without_predictions_or_truth_has_no_score(truth):
    assert gender_result(truth, predict(GUESSES)) is None
    unknown = [replace(row, gender="") for row in ROWS]
    assert gender_result(replace(truth, rows=unknown), predict(GUESSES, np.full((2, 96), 0.5))) is None


# Metrics of the config ----------------------------------------------------------------------------------------------


def rated(truth: Truth, spread: float) -> tuple[Truth, np.ndarray]:
    """Ratings of valence and arousal, except for S0, none of dominance; and the predictions of two seeds."""
    random = np.random.default_rng(1)
    x = random.normal(3, 1, (len(truth.rows), 3))
    pairs = zip(truth.rows, x, strict=True)
    rows = [r if r.speaker == "S0" else replace(r, valence=v, arousal=a) for r, (v, a, _) in pairs]
    return replace(truth, rows=rows), x + random.normal(0, spread, (2, *x.shape))


def test_only_the_configured_metrics_appear_in_their_order(truth):
    names = ["ECE", "UA", "log_loss"]
    result = evaluate(truth, predict(GUESSES), predict(GUESSES[:1]), seed=1, draws=100, metrics=names)
    assert list(result["pooled"]) == list(result["paired"]) == list(result["parts"]["improvised"])[:3] == names
    assert list(result["folds"]["fold0"])[:3] == list(result["speakers"]["S3"])[:3] == names
    plain = evaluate(truth, predict(GUESSES), predict(GUESSES[:1]), seed=1, draws=100)
    assert result["pooled"]["UA"] == plain["pooled"]["UA"] and result["recall"] == plain["recall"]
    assert result["pooled"]["log_loss"]["value"] == pytest.approx(
        np.mean([reference.log_loss(truth.label, p) for p in predict(GUESSES).probabilities])
    )


def test_predicted_and_rated_dimensions_have_a_concordance_with_interval(truth):
    rows, predicted = rated(truth, 0.5)
    predictions = replace(predict(GUESSES), dimensions=predicted)
    result = evaluate(rows, predictions, seed=1, draws=200)
    known = np.array([row.valence is not None for row in rows.rows])
    x, y = np.array([row.valence for row in rows.rows if row.valence is not None]), predicted[:, known, 0]
    each = [2 * np.cov(x, p, ddof=0)[0, 1] / (x.var() + p.var() + (x.mean() - p.mean()) ** 2) for p in y]
    cell = result["dimensions"]["valence"]
    assert cell["per_seed"] == pytest.approx(each) and cell["value"] == pytest.approx(np.mean(each))
    assert cell["lo"] < cell["value"] < cell["hi"] <= 1 and (cell["n"], cell["clusters"]) == (84, 7)
    assert "dominance" not in result["dimensions"] and list(result["pooled"]) == list(METRICS)


def test_concordance_and_its_interval_may_be_negative(truth):
    rows, predicted = rated(truth, 0.1)
    result = evaluate(rows, replace(predict(GUESSES), dimensions=6 - predicted), seed=1, draws=200)["dimensions"]
    assert -1 <= result["arousal"]["lo"] < result["arousal"]["value"] < -0.8


def test_a_metric_of_dimensions_without_data_has_an_empty_cell_with_a_reason(truth):
    names = ["UA", "CCC_valence"]
    rows, predicted = rated(truth, 0.5)
    cases = (
        (rows, predict(GUESSES), "predicts no dimensions"),
        (truth, replace(predict(GUESSES), dimensions=predicted), "no tested"),
    )
    for where, predictions, reason in cases:
        result = evaluate(where, predictions, predict(GUESSES), seed=1, draws=100, metrics=names)
        cell = result["pooled"]["CCC_valence"]
        assert cell["value"] is None and reason in cell["reason"] and list(result["paired"]) == ["UA"]
        assert result["dimensions"] is None


# Comparison across protocols ----------------------------------------------------------------------------------------


def other_protocol(truth: Truth) -> Truth:
    """A protocol that tests S2 to S7 in another order and with other folds."""
    kept = np.flatnonzero(truth.speaker >= 2)[::-1]
    selected = select_truth(truth, kept)
    return replace(selected, fold=np.array([f"fold{k}" for k in selected.speaker]))


def test_runs_of_two_protocols_are_compared_on_their_common_test_rows(truth):
    other = other_protocol(truth)
    kept = np.flatnonzero(truth.speaker >= 2)
    theirs = np.random.default_rng(5).integers(0, 3, (1, len(other.rows)))
    result = evaluate(truth, predict(GUESSES), predict(theirs), seed=1, draws=200, other=other)
    assert result["shared"] == {"n": 72, "clusters": 6} and result["paired"]["UA"]["clusters"] == 6
    expected = scores(truth.label[kept], GUESSES[:, kept])["UA"] - scores(other.label, theirs)["UA"]
    assert result["paired"]["UA"]["difference"] == pytest.approx(expected)
    within = evaluate(select_truth(truth, kept), predict(GUESSES[:, kept]), predict(theirs[:, ::-1]), seed=1, draws=200)
    assert within["paired"] == result["paired"] and result["pooled"] != within["pooled"]


def test_protocols_without_common_test_rows_or_with_conflicting_labels_are_rejected(truth):
    other = other_protocol(truth)
    with pytest.raises(InputError, match="have no test row in common"):
        shared_rows(select_truth(truth, np.flatnonzero(truth.speaker < 2)), other)
    with pytest.raises(InputError, match=r"'S7_11' is .* in one protocol and .* in the other"):
        changed = other.label.copy()
        changed[0] = (changed[0] + 1) % 3
        shared_rows(truth, replace(other, label=changed))


def test_a_row_tested_several_times_is_paired_as_often_as_both_test_it(truth):
    twice = select_truth(truth, np.array([0, 0, 1, 2, 2]))
    mine, theirs = shared_rows(twice, select_truth(truth, np.array([2, 0, 2, 2])))
    assert (mine.tolist(), theirs.tolist()) == ([0, 3, 4], [1, 0, 2])


def test_the_gender_accuracy_of_the_baseline_is_reported_too(truth):
    female = np.array([[0.9 if row.gender == "F" else 0.1 for row in ROWS]])
    result = evaluate(truth, predict(GUESSES[:1], 1 - female), predict(GUESSES[:1], female), seed=1, draws=50)["gender"]
    assert (result["accuracy"], result["baseline"], result["majority"]) == (0, 1, 0.5)
