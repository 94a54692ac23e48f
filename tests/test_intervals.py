"""Intervals and p-values: against plain resampling written here, and against the truth of simulated corpora."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from conftest import utterance
from scipy import stats

from benchmarks._coverage import SEEDS, WORLDS, covered, rejected, simulate, truth
from emospace import bootstrap, intervals
from emospace.clusters import clusters
from emospace.evaluation import counts, evaluate
from emospace.intervals import described, estimate, freedom, holm, method
from emospace.metrics import METRICS, UA, WA
from emospace.predictions import Predictions, Truth

CLASSES = ["ang", "hap", "neu"]


# Resamples ---------------------------------------------------------------------------------------------------------


def tables(random: np.random.Generator, seeds: int = 1, count: int = 6, rows: int = 40) -> np.ndarray:
    """Counts (seeds, clusters, 2, 2) of clusters that differ."""
    right = random.binomial(rows, np.clip(random.normal(0.6, 0.2, count), 0, 1), (seeds, count)).astype(float)
    found = np.zeros((seeds, count, 2, 2))
    found[:, :, 0, 0], found[:, :, 0, 1], found[:, :, 1, 1] = right, rows - right, rows / 2
    return found


def test_draws_are_seeded_and_hold_as_many_clusters_as_there_are():
    drawn = bootstrap.weights(7, seed=3, draws=50)
    assert drawn.shape == (50, 7) and (drawn.sum(1) == 7).all() and not drawn.flags.writeable
    bootstrap.weights.cache_clear()
    assert (drawn == bootstrap.weights(7, seed=3, draws=50)).all()
    assert (drawn != bootstrap.weights(7, seed=4, draws=50)).any()


def test_seeds_are_averaged_inside_each_draw():
    both = tables(np.random.default_rng(1), seeds=2)
    drawn = bootstrap.weights(6, 0, 40)
    each = [bootstrap.distribution(WA, both[[s]], drawn) for s in (0, 1)]
    assert bootstrap.distribution(WA, both, drawn) == pytest.approx(np.mean(each, axis=0))


def test_drawn_seeds_spread_as_much_as_the_mean_of_new_ones():
    per_seed = np.array([0.5, 0.53, 0.61])
    noise = bootstrap.seed_noise(per_seed, 0, 100_000)
    assert noise.var() == pytest.approx(per_seed.var(ddof=1) / 3, rel=0.02) and abs(noise.mean()) < 1e-3
    assert not bootstrap.seed_noise(per_seed[:1], 0, 10).any()


# Who is resampled --------------------------------------------------------------------------------------------------


def said(speaker: str, dialogue: str, session: str):
    return utterance(f"{dialogue}_{speaker}", speaker=speaker, dialogue=dialogue, session=session)


def test_speakers_who_talk_alone_are_clusters_even_where_they_share_a_session():
    found = clusters([said(s, f"clip {s}{k}", "1") for s in "ABC" for k in (0, 1)])
    assert (found.unit, found.count, found.member.tolist()) == ("speaker", 3, [0, 0, 1, 1, 2, 2])


def test_one_shared_dialogue_makes_a_cluster_of_the_whole_session():
    rows = [said("A", "d1", "1"), said("B", "d1", "1"), said("C", "alone", "1"), said("D", "d2", "2")]
    found = clusters([*rows, said("D", "d3", "2")])
    assert (found.count, found.member.tolist()) == (2, [0, 0, 0, 1, 1]) and found.unit == "session"


def test_dialogues_of_one_name_in_two_sessions_are_two_dialogues():
    assert clusters([said("A", "d1", "1"), said("B", "d1", "2")]).count == 2


def test_a_partner_who_is_never_tested_still_makes_the_session_one():
    rows = [said("A", "d1", "1"), said("B", "d2", "1")]
    assert clusters(rows).count == 2
    assert clusters(rows, [said("B", "d1", "1")]).count == 1
    assert clusters(rows, [said("C", "d1", "1"), said("C", "d2", "1")]).count == 1


def test_without_sessions_partners_are_joined_by_their_dialogues_alone():
    rows = [said("A", "d1", ""), said("B", "d1", ""), said("C", "d2", ""), said("D", "d2", "")]
    assert clusters(rows).member.tolist() == [0, 0, 1, 1]


def test_a_speaker_who_meets_everybody_makes_everything_one_cluster():
    rows = [said("host", f"d{k}", str(k)) for k in range(4)] + [said(f"guest {k}", f"d{k}", str(k)) for k in range(4)]
    assert (clusters(rows).count, clusters(rows).unit) == (1, "group")


# The same as plain resampling --------------------------------------------------------------------------------------


def world(speakers: int, rows: int = 30, seeds: int = 3, spread: float = 0.8, shared: bool = False, number: int = 0):
    """Truth and predictions of two systems; speakers differ, and with `shared` two of them make a session."""
    random = np.random.default_rng([number, speakers])
    names = [f"S{k:02d}" for k in range(speakers)]
    places = [(s, f"d{k // 2}" if shared else f"d{k} alone") for k, s in enumerate(names)]
    told = [
        utterance(f"{s}_{i}", speaker=s, dialogue=d, session=d, label=CLASSES[i % 3])
        for s, d in places
        for i in range(rows)
    ]
    label, speaker = np.array([i % 3 for _ in names for i in range(rows)]), np.repeat(np.arange(speakers), rows)
    about = {"fold": np.repeat("fold0", len(told)), "repeated": np.zeros(len(told), bool)}
    skill = random.normal(0, spread, speakers)
    found = []
    for gain in (0.35, 0.0):
        own = skill + random.normal(gain, 0.3, speakers) + random.normal(0, 0.15, (seeds, 1))
        right = random.random((seeds, len(told))) < 1 / (1 + np.exp(-np.repeat(own, rows, axis=1)))
        guess = np.where(right, label, (label + 1) % 3)
        found.append(Predictions(list(range(seeds)), np.eye(3)[guess]))
    return Truth(CLASSES, told, label, speaker=speaker, speakers=names, clusters=clusters(told), **about), *found


def plain_ua(label: np.ndarray, guess: np.ndarray) -> float:
    return float(np.mean([(guess[label == k] == k).mean() for k in range(3) if (label == k).any()]))


def rows_of(groups: np.ndarray, drawn) -> np.ndarray:
    return np.concatenate([np.flatnonzero(groups == g) for g in drawn])


def plain_values(label: np.ndarray, systems: list[np.ndarray], kept: np.ndarray) -> float:
    """Mean over seeds of the first system, less that of the second if there is one, on some rows, however often."""
    first, *other = [np.mean([plain_ua(label[kept], guess[kept]) for guess in guesses]) for guesses in systems]
    return first - other[0] if other else first


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


@pytest.mark.parametrize(("speakers", "seeds", "shared"), [(6, 1, False), (9, 2, False), (10, 3, True)])
def test_below_ten_clusters_evaluate_equals_a_plain_jackknife(speakers, seeds, shared):
    truth, one, other = world(speakers, seeds=seeds, shared=shared)
    groups = truth.speaker // 2 if shared else truth.speaker
    systems = [p.probabilities.argmax(-1) for p in (one, other)]
    n, of_seeds = len(set(groups)), [[plain_ua(truth.label, guess) for guess in guesses] for guesses in systems]
    left = [plain_values(truth.label, systems, np.flatnonzero(groups != g)) for g in range(n)]
    variances = [(n - 1) / n * sum((value - np.mean(left)) ** 2 for value in left)]
    variances += [np.var(values, ddof=1) / seeds for values in of_seeds if seeds > 1]
    df = sum(variances) ** 2 / sum(v**2 / f for v, f in zip(variances, [n - 1, seeds - 1, seeds - 1], strict=False))
    error, value = np.sqrt(sum(variances)), np.mean(of_seeds[0]) - np.mean(of_seeds[1])
    found = evaluate(truth, one, other, seed=5, stochastic=(False, False))["paired"]["UA"]
    half = stats.t.ppf(0.975, df) * error
    assert (found["lo"], found["hi"]) == pytest.approx((value - half, value + half))
    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(value) / error, df)) and found["df"] == pytest.approx(df)


@pytest.mark.parametrize("speakers", [6, 12])
def test_more_rows_of_the_same_speakers_that_tell_nothing_new_narrow_nothing(speakers):
    truth, one, other = world(speakers, rows=3, seeds=1)
    again = np.repeat(np.arange(len(truth.label)), 20)
    kept = {"rows": [truth.rows[i] for i in again], "clusters": clusters([truth.rows[i] for i in again])}
    kept |= {key: getattr(truth, key)[again] for key in ("label", "fold", "speaker", "repeated")}
    more = [replace(p, probabilities=p.probabilities[:, again]) for p in (one, other)]
    few, many = evaluate(truth, one, other, seed=1), evaluate(replace(truth, **kept), *more, seed=1)
    for part in ("pooled", "paired"):
        for end in ("lo", "hi"):
            assert many[part]["UA"][end] == pytest.approx(few[part]["UA"][end], abs=1e-9)


def test_recall_rests_on_the_clusters_that_have_the_class():
    truth, one, _ = world(12, seeds=1)
    gone = np.isin(truth.speaker, range(5)) & (truth.label == 2)
    label = np.where(gone, 0, truth.label)
    found = evaluate(replace(truth, label=label), one, seed=1, draws=4000)
    assert [found["recall"][name]["clusters"] for name in CLASSES] == [12, 12, 7] and found["recall"]["neu"]["lo"]
    few = np.where(np.isin(truth.speaker, range(8)) & (label == 2), 0, label)
    cell = evaluate(replace(truth, label=few), one, seed=1, draws=4000)["recall"]["neu"]
    assert cell["lo"] is None and cell["value"] is not None and cell["clusters"] == 4


# Methods -----------------------------------------------------------------------------------------------------------


def test_the_number_of_clusters_decides():
    assert [method(n) for n in (1, 4, 5, 9, 10, 60)] == ["", "", "jackknife", "jackknife", "bootstrap", "bootstrap"]
    assert "4 sessions, and fewer than 5" in described(4, "session") and "jackknife over 9 speakers" in described(
        9, "speaker"
    )


def test_below_five_clusters_there_is_a_value_and_nothing_else():
    truth, one, other = world(8, shared=True)
    found = evaluate(truth, one, other, seed=1)
    for cell in (found["pooled"]["UA"], found["paired"]["UA"]):
        assert cell["lo"] is None and cell["hi"] is None and cell.get("p") is None and cell["clusters"] == 4
    assert found["pooled"]["UA"]["value"] > 0 and found["speakers"]["S07"]["n"] == 30


def test_identical_systems_differ_by_nothing_with_p_one():
    for count in (6, 12):
        one = tables(np.random.default_rng(0), 3, count)
        found = estimate(UA, one, one[::-1].copy(), seed=1, draws=500)
        assert (found.value, found.p, found.at_most) == (0, 1, False)


def test_a_difference_without_any_spread_has_no_p_from_a_jackknife():
    one, other = np.zeros((2, 1, 6, 2, 2))
    one[..., 0, 0], other[..., 0, 0], other[..., 0, 1] = 10, 8, 2
    found = estimate(WA, one, other, seed=1)
    assert found.value == pytest.approx(0.2) and found.p is None


def test_p_is_never_zero_and_the_smallest_is_marked():
    one, other = np.zeros((2, 1, 12, 2, 2))
    one[..., 0, 0], other[..., 0, 0], other[..., 0, 1] = 10, 2 + np.arange(12) % 3, 8 - np.arange(12) % 3
    found = [
        estimate(WA, a, b, seed=1, draws=draws) for a, b in ((one, other), (other, one)) for draws in (200, 20_000)
    ]
    assert all(e.at_most and e.p > 0 for e in found)
    assert found[0].p == found[2].p > 5 * found[1].p


def test_without_a_deviation_over_seeds_the_degrees_of_freedom_are_those_of_the_clusters():
    assert freedom([0.3], [9]) == freedom([0.3, 0.0], [9, 2]) == freedom([0.0, 0.0], [9, 2]) == 9
    assert freedom([0.2, 0.2], [9, 2]) == pytest.approx(0.16 / (0.04 / 9 + 0.04 / 2))
    same = np.repeat(tables(np.random.default_rng(0), 1, 12), 3, axis=0)
    three, alone = estimate(UA, same, seed=1), estimate(UA, same[:1], seed=1)
    assert (three.lo, three.hi, three.df) == pytest.approx((alone.lo, alone.hi, 11))


def test_seeds_that_disagree_widen_the_interval_and_few_of_them_more():
    one = tables(np.random.default_rng(0), 1, 12)
    moved = np.array([0.0, 4.0, -4.0])[:, None, None, None] * np.array([[1, -1], [0, 0]])

    def width(counts):
        found = estimate(UA, counts, seed=1)
        return found.hi - found.lo

    assert width(one + moved[1:]) > width(one + moved) > 1.2 * width(one)


def test_far_percentiles_go_on_where_the_draws_end():
    drawn = np.random.default_rng(0).normal(0.5, 0.1, 5000)
    assert intervals._percentile(0.5, drawn, -2.0) == pytest.approx(np.quantile(drawn, stats.norm.cdf(-2.0)))
    assert intervals._percentile(0.5, drawn, -6.0) == pytest.approx(0.5 - 0.6, abs=0.05)


def test_draws_without_a_value_are_left_out_and_a_jackknife_without_one_gives_no_interval():
    def accuracy(table):  # undefined without a cluster of the second class
        return np.where(table[..., 1, :].sum(-1) > 0, WA(table), np.nan)

    for count in (6, 12):
        one = tables(np.random.default_rng(0), 1, count)
        one[:, 1:, 1] = 0
        found = estimate(accuracy, one, seed=1)
        assert found.value is not None and (found.lo is None) == (count == 6)


def test_holm_by_hand_and_in_the_order_given():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([0.02]) == [0.02] and holm([]) == []


def test_scores_are_shares_so_their_intervals_end_at_none_and_all():
    truth, one, _ = world(6, seeds=1)
    guess = truth.label.copy()
    guess[:25] = (guess[:25] + 1) % 3
    found = evaluate(truth, replace(one, probabilities=np.eye(3)[None, guess]), seed=1)["pooled"]
    assert all(cell["hi"] == 1.0 and cell["lo"] < cell["value"] for cell in found.values())


def test_a_metric_that_is_nowhere_defined_is_none(monkeypatch):
    monkeypatch.setitem(METRICS, "NOTHING", lambda table: np.full(table.shape[:-2], np.nan))
    truth, one, other = world(6)
    found = evaluate(truth, one, other, seed=1)
    assert found["pooled"]["NOTHING"] == {"value": None, "lo": None, "hi": None, "clusters": 6, "df": None}
    assert found["paired"]["NOTHING"]["difference"] is None and found["folds"]["fold0"]["NOTHING"] is None


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
            told = [counts(corpus, Predictions(seeds, values[seeds]), corpus.speaker) for seeds in pair]
            found.append(estimate(UA, *told, seed=1, draws=1000).p < 0.05)
    assert len(found) == 5 * 280 and np.mean(found) <= 0.07
