"""Intervals and p-values against naive resampling of rows, and against the known truth of simulated corpora."""

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

# Equal to naive resampling ------------------------------------------------------------------------------------------


def plain_bootstrap(label, systems, groups, draws: int = 6000) -> tuple[float, float, float]:
    """Interval and p-value: draw groups with all their rows, and seeds; Student's t sets the tails."""
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


def compare(cell: dict, low: float, high: float, slack: float) -> None:
    """Both ends match within `slack` of the interval's width. (A 90 % interval would be off by a tenth of it.)"""
    assert cell["lo"] == pytest.approx(low, abs=slack * (high - low))
    assert cell["hi"] == pytest.approx(high, abs=slack * (high - low))


@pytest.mark.parametrize(("speakers", "seeds", "shared"), [(12, 1, False), (12, 3, False), (24, 3, True)])
def test_from_ten_clusters_on_evaluate_equals_plain_resampling(speakers, seeds, shared):
    truth, one, other = world(speakers, seeds=seeds, shared=shared)
    groups = truth.speaker // 2 if shared else truth.speaker
    systems = [p.probabilities.argmax(-1) for p in (one, other)]
    result = evaluate(truth, one, other, seed=5, draws=20_000, stochastic=(False, False))
    low, high, _ = plain_bootstrap(truth.label, systems[:1], groups)
    compare(result["pooled"]["UA"], low, high, 0.04)
    low, high, p = plain_bootstrap(truth.label, systems, groups)
    paired = result["paired"]["UA"]
    compare(paired, low, high, 0.04)
    assert paired["p"] == pytest.approx(p, rel=0.2) and 0.005 < p < 0.5 and not paired["at_most"]
    assert paired["difference"] == pytest.approx(plain_values(truth.label, systems, np.arange(len(truth.label))))
    assert (paired["clusters"], paired["seeds"]) == (len(set(groups)), [seeds, seeds])


# Coverage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORLDS)
def test_intervals_cover_the_truth_and_equal_systems_are_rarely_rejected(name):
    estimates = simulate(WORLDS[name], 1000, 1000)
    assert 0.92 <= covered(estimates, truth(WORLDS[name])) <= 0.98
    assert 0.02 <= rejected(estimates) <= 0.08


def test_intervals_over_speakers_who_share_a_session_cover_too_little():
    shared = WORLDS["5 sessions of 2 speakers, effect .35"]
    estimates = simulate(shared, 300, 500, view=lambda world, table: table)
    assert covered(estimates, truth(shared)) < 0.9


@pytest.mark.parametrize("name", SEEDS)
def test_two_sets_of_three_seeds_of_one_model_are_rarely_rejected(name):
    assert rejected(simulate(SEEDS[name], 600, 500)) <= 0.07


@pytest.mark.parametrize("name", ["10 speakers", "24 speakers, main effect alone"])
def test_without_drawing_seeds_they_are_rejected_too_often(name):
    """The mean over seeds has the same UA, but hides that other seeds would have given another one."""
    estimates = simulate(SEEDS[name], 300, 500, view=lambda world, table: table.mean(0, keepdims=True))
    assert rejected(estimates) > 0.1


def networks(speakers: int, number: int, seeds: int = 8, rows: int = 24) -> tuple[Truth, np.ndarray]:
    """Predictions of small networks, one for each fold and seed, on the third of the speakers left out of training."""
    from sklearn.neural_network import MLPClassifier

    random = np.random.default_rng(number)
    truth, _, _ = world(speakers, rows=rows, number=number)
    centres, habits = random.normal(0, 0.9, (3, 6)), random.normal(0, 0.7, (speakers, 6))
    x = centres[truth.label] + habits[truth.speaker] + random.normal(size=(len(truth.label), 6))
    probabilities = np.zeros((seeds, len(x), 3))
    for seed in range(seeds):
        for fold in range(3):
            test = truth.speaker % 3 == fold
            model = MLPClassifier(12, max_iter=25, learning_rate_init=0.02, random_state=100 * seed + fold)
            probabilities[seed, test] = model.fit(x[~test], truth.label[~test]).predict_proba(x[test])
    return truth, probabilities


def threes(seeds: int):
    """Every pair of disjoint groups of three seeds."""
    for six in combinations(range(seeds), 6):
        for rest in combinations(six[1:], 2):
            one = [six[0], *rest]
            yield one, [s for s in six if s not in one]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_seeds_of_trained_networks_are_rarely_rejected():
    rejections = []
    for speakers, number in ((12, 0), (12, 1), (12, 2), (6, 3), (6, 4)):
        corpus, values = networks(speakers, number)
        for pair in threes(len(values)):
            each = [Predictions(seeds, values[seeds]) for seeds in pair]
            sums = [tables(corpus, one, ["UA"], {"": corpus.speaker})[""]["UA"] for one in each]
            rejections.append(estimate(UA.value, *sums, seed=1, draws=1000).p < 0.05)
    assert len(rejections) == 5 * 280 and np.mean(rejections) <= 0.07
