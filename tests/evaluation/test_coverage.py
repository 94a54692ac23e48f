"""Intervals and p-values against plain resampling of rows, and against the truth of simulated corpora."""

from itertools import combinations

import numpy as np
import pytest
from _worlds import plain_ua, plain_values, rows_of, world
from scipy import stats

from benchmarks._coverage import SEEDS, WORLDS, covered, rejected, simulate, truth
from emospace.evaluation.intervals import estimate
from emospace.evaluation.measures import tables
from emospace.evaluation.metrics import UA
from emospace.evaluation.predictions import Predictions, Truth
from emospace.evaluation.result import evaluate

# The same as plain resampling --------------------------------------------------------------------------------------


def plain_bootstrap(label, systems, groups, draws: int = 6000) -> tuple[float, float, float]:
    """Interval and p: draw groups with all their rows, and seeds; the tails follow from Student's t."""
    random, names, everything = np.random.default_rng(99), np.unique(groups), np.arange(len(label))
    n, of_seeds = len(names), [[plain_ua(label, guess) for guess in guesses] for guesses in systems]
    moved, still = np.zeros(draws), np.zeros(draws)
    for k in range(draws):
        still[k] = plain_values(label, systems, rows_of(groups, random.choice(names, n)))
        moved[k] = still[k]
        for sign, values in zip((1, -1), of_seeds, strict=False):
            size = len(values)
            deviation = np.mean(random.choice(values, size)) - np.mean(values)
            moved[k] += sign * deviation * np.sqrt(size / max(size - 1, 1))
    variances = [still.var() * n / (n - 1), *(np.var(v, ddof=1) / len(v) for v in of_seeds if len(v) > 1)]
    df = sum(variances) ** 2 / sum(
        v**2 / f for v, f in zip(variances, [n - 1, *(len(v) - 1 for v in of_seeds)], strict=False)
    )
    stretch = np.sqrt(sum(variances) / (sum(variances) - variances[0] / n))
    tail = stats.norm.cdf(stretch * stats.t.ppf(0.025, df))
    share = min((moved <= 0).mean(), (moved >= 0).mean())
    p = 2 * stats.t.cdf(stats.norm.ppf(share) / stretch, df) if len(systems) == 2 else None
    assert plain_values(label, systems, everything) == pytest.approx(moved.mean(), abs=0.01)
    return *np.quantile(moved, [tail, 1 - tail]), p


def compare(found: dict, low: float, high: float, slack: float) -> None:
    """Both ends are where they should be, by a share of the interval's width. (90 % instead of 95: a tenth of it.)"""
    assert found["lo"] == pytest.approx(low, abs=slack * (high - low))
    assert found["hi"] == pytest.approx(high, abs=slack * (high - low))


@pytest.mark.parametrize(("speakers", "seeds", "shared"), [(12, 1, False), (12, 3, False), (24, 3, True)])
def test_from_ten_clusters_on_evaluate_equals_plain_resampling(speakers, seeds, shared):
    truth, one, other = world(speakers, seeds=seeds, shared=shared)
    groups = truth.speaker // 2 if shared else truth.speaker
    systems = [p.probabilities.argmax(-1) for p in (one, other)]
    found = evaluate(truth, one, other, seed=5, draws=20_000, stochastic=(False, False))
    low, high, _ = plain_bootstrap(truth.label, systems[:1], groups)
    compare(found["pooled"]["UA"], low, high, 0.04)
    low, high, p = plain_bootstrap(truth.label, systems, groups)
    paired = found["paired"]["UA"]
    compare(paired, low, high, 0.04)
    assert paired["p"] == pytest.approx(p, rel=0.2) and 0.005 < p < 0.5 and not paired["at_most"]
    assert paired["difference"] == pytest.approx(plain_values(truth.label, systems, np.arange(len(truth.label))))
    assert (paired["clusters"], paired["seeds"]) == (len(set(groups)), [seeds, seeds])


# Promises ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORLDS)
def test_intervals_hold_the_truth_and_equal_systems_are_rarely_told_apart(name):
    found = simulate(WORLDS[name], 1000, 1000)
    assert 0.92 <= covered(found, truth(WORLDS[name])) <= 0.98
    assert 0.02 <= rejected(found) <= 0.08


def test_over_speakers_who_share_a_session_intervals_would_not():
    shared = WORLDS["5 sessions of 2 speakers, effect .35"]
    found = simulate(shared, 300, 500, view=lambda world, table: table)
    assert covered(found, truth(shared)) < 0.9


@pytest.mark.parametrize("name", SEEDS)
def test_three_seeds_against_three_of_one_model_are_rarely_told_apart(name):
    assert rejected(simulate(SEEDS[name], 600, 500)) <= 0.07


@pytest.mark.parametrize("name", ["10 speakers", "24 speakers, main effect alone"])
def test_without_drawing_seeds_they_would_be(name):
    """The mean over seeds has the same UA; that it could have been another is not seen."""
    found = simulate(SEEDS[name], 300, 500, view=lambda world, table: table.mean(0, keepdims=True))
    assert rejected(found) > 0.1


def networks(speakers: int, number: int, seeds: int = 8, rows: int = 24) -> tuple[Truth, np.ndarray]:
    """Leave a third of the speakers out, train a small network on the others: one for each fold and seed."""
    from sklearn.neural_network import MLPClassifier

    random = np.random.default_rng(number)
    found, _, _ = world(speakers, rows=rows, number=number)
    centres, habits = random.normal(0, 0.9, (3, 6)), random.normal(0, 0.7, (speakers, 6))
    x = centres[found.label] + habits[found.speaker] + random.normal(size=(len(found.label), 6))
    probabilities = np.zeros((seeds, len(x), 3))
    for seed in range(seeds):
        for fold in range(3):
            test = found.speaker % 3 == fold
            model = MLPClassifier(12, max_iter=25, learning_rate_init=0.02, random_state=100 * seed + fold)
            probabilities[seed, test] = model.fit(x[~test], found.label[~test]).predict_proba(x[test])
    return found, probabilities


def threes(seeds: int):
    """Every pair of groups of three seeds."""
    for six in combinations(range(seeds), 6):
        for rest in combinations(six[1:], 2):
            one = [six[0], *rest]
            yield one, [s for s in six if s not in one]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_seeds_of_a_network_that_was_trained_are_rarely_told_apart():
    found = []
    for speakers, number in ((12, 0), (12, 1), (12, 2), (6, 3), (6, 4)):
        corpus, values = networks(speakers, number)
        for pair in threes(len(values)):
            each = [Predictions(seeds, values[seeds]) for seeds in pair]
            told = [tables(corpus, one, ["UA"], {"": corpus.speaker})[""]["UA"] for one in each]
            found.append(estimate(UA.value, *told, seed=1, draws=1000).p < 0.05)
    assert len(found) == 5 * 280 and np.mean(found) <= 0.07
