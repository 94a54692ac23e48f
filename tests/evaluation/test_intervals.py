"""Intervals and p-values against their formulas, resample by resample; test_coverage.py tests their coverage.

Covers: evaluation/bootstrap.
"""

from dataclasses import replace

import numpy as np
import pytest
from _planted_metrics import constant, ones, plant
from _worlds import CLASSES, plain_ua, plain_values, world
from scipy import stats

from emospace.evaluation import bootstrap, intervals
from emospace.evaluation.clusters import clusters
from emospace.evaluation.intervals import degrees_of_freedom, described, estimate, holm, method
from emospace.evaluation.measures import DEFAULT
from emospace.evaluation.metrics.UA import value as UA
from emospace.evaluation.metrics.WA import value as WA
from emospace.evaluation.result import evaluate

# Resamples ---------------------------------------------------------------------------------------------------------


def tables(random: np.random.Generator, seeds: int = 1, count: int = 6, rows: int = 40) -> np.ndarray:
    """Confusion counts (seeds, clusters, 2 * 2) of clusters that differ."""
    right = random.binomial(rows, np.clip(random.normal(0.6, 0.2, count), 0, 1), (seeds, count)).astype(float)
    result = np.zeros((seeds, count, 2, 2))
    result[:, :, 0, 0], result[:, :, 0, 1], result[:, :, 1, 1] = right, rows - right, rows / 2
    return result.reshape(seeds, count, 4)


def test_draws_are_seeded_and_contain_as_many_clusters_as_the_sample():
    drawn = bootstrap.draw_counts(7, seed=3, draws=50)
    assert drawn.shape == (50, 7) and (drawn.sum(1) == 7).all() and not drawn.flags.writeable
    bootstrap.draw_counts.cache_clear()
    assert (drawn == bootstrap.draw_counts(7, seed=3, draws=50)).all()
    assert (drawn != bootstrap.draw_counts(7, seed=4, draws=50)).any()


def test_seeds_are_averaged_inside_each_draw():
    both = tables(np.random.default_rng(1), seeds=2)
    drawn = bootstrap.draw_counts(6, 0, 40)
    each = [bootstrap.distribution(WA, both[[s]], drawn) for s in (0, 1)]
    assert bootstrap.distribution(WA, both, drawn) == pytest.approx(np.mean(each, axis=0))


def test_each_jackknife_sample_omits_one_cluster():
    one = tables(np.random.default_rng(1), seeds=1, count=5)
    result = bootstrap.distribution(WA, one, bootstrap.leave_one_out_counts(5))
    assert result == pytest.approx([float(WA(np.delete(one[0], k, axis=0).sum(0))) for k in range(5)])


def test_each_statistic_keeps_its_place():
    one = np.random.default_rng(0).integers(1, 9, (1, 2, 9)).astype(float)
    by_class = bootstrap.distribution(lambda sums: sums[..., 6], one, np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert by_class.tolist() == [2 * one[0, 0, 6], one[0, :, 6].sum()]


def test_seed_noise_has_the_variance_of_a_mean_over_new_seeds():
    per_seed = np.array([0.5, 0.53, 0.61])
    noise = bootstrap.seed_noise(per_seed, 0, 100_000)
    assert noise.var() == pytest.approx(per_seed.var(ddof=1) / 3, rel=0.02) and abs(noise.mean()) < 1e-3
    assert bootstrap.seed_noise(per_seed[:1], 0, 10).tolist() == [0.0] * 10
    two = bootstrap.seed_noise(per_seed[:2], 1, 20)
    assert (two == bootstrap.seed_noise(per_seed[:2], 1, 20)).all() and len(two) == 20
    # Either seed twice, or one of each.
    assert sorted({*two.round(9)}) == pytest.approx([-0.015 * 2**0.5, 0, 0.015 * 2**0.5])


# Equal to naive resampling ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("speakers", "seeds", "shared"), [(6, 1, False), (9, 2, False), (10, 3, True)])
def test_below_ten_clusters_evaluate_equals_a_naive_jackknife(speakers, seeds, shared):
    truth, one, other = world(speakers, seeds=seeds, shared=shared)
    groups = truth.speaker // 2 if shared else truth.speaker
    systems = [p.probabilities.argmax(-1) for p in (one, other)]
    n, of_seeds = len(set(groups)), [[plain_ua(truth.label, guess) for guess in guesses] for guesses in systems]
    left = [plain_values(truth.label, systems, np.flatnonzero(groups != g)) for g in range(n)]
    variances = [(n - 1) / n * sum((value - np.mean(left)) ** 2 for value in left)]
    variances += [np.var(values, ddof=1) / seeds for values in of_seeds if seeds > 1]
    df = sum(variances) ** 2 / sum(v**2 / f for v, f in zip(variances, [n - 1, seeds - 1, seeds - 1], strict=False))
    error, value = np.sqrt(sum(variances)), np.mean(of_seeds[0]) - np.mean(of_seeds[1])
    result = evaluate(truth, one, other, seed=5, stochastic=(False, False))["paired"]["UA"]
    half = stats.t.ppf(0.975, df) * error
    assert (result["lo"], result["hi"]) == pytest.approx((value - half, value + half))
    assert result["p"] == pytest.approx(2 * stats.t.sf(abs(value) / error, df)) and result["df"] == pytest.approx(df)


@pytest.mark.parametrize("speakers", [6, 12])
def test_repeated_rows_of_the_same_speakers_do_not_narrow_intervals(speakers):
    truth, one, other = world(speakers, rows=3, seeds=1)
    again = np.repeat(np.arange(len(truth.label)), 20)
    kept = {"rows": [truth.rows[i] for i in again], "clusters": clusters([truth.rows[i] for i in again])}
    kept |= {key: getattr(truth, key)[again] for key in ("label", "fold", "speaker", "repeated")}
    more = [replace(p, probabilities=p.probabilities[:, again]) for p in (one, other)]
    few = evaluate(truth, one, other, seed=1, draws=1000)
    many = evaluate(replace(truth, **kept), *more, seed=1, draws=1000)
    for part in ("pooled", "paired"):
        for end in ("lo", "hi"):
            assert many[part]["UA"][end] == pytest.approx(few[part]["UA"][end], abs=1e-9)


def test_recall_uses_only_the_clusters_that_contain_the_class():
    truth, one, _ = world(12, seeds=1)
    gone = np.isin(truth.speaker, range(5)) & (truth.label == 2)
    label = np.where(gone, 0, truth.label)
    result = evaluate(replace(truth, label=label), one, seed=1, draws=4000)
    assert [result["recall"][name]["clusters"] for name in CLASSES] == [12, 12, 7] and result["recall"]["neu"]["lo"]
    few = np.where(np.isin(truth.speaker, range(8)) & (label == 2), 0, label)
    cell = evaluate(replace(truth, label=few), one, seed=1, draws=4000)["recall"]["neu"]
    assert cell["lo"] is None and cell["value"] is not None and cell["clusters"] == 4


@pytest.mark.parametrize(("seeds", "others"), [(1, 1), (3, 1), (2, 3)])
def test_the_bootstrap_matches_its_definition_draw_by_draw(seeds, others):
    """Percentiles and p-value of 999 draws, computed from the definitions in docs/statistics.md."""
    random, n = np.random.default_rng(seeds), 12
    one, other = tables(random, seeds, n), tables(random, others, n)
    result, value = estimate(UA, one, other, seed=7, draws=999), UA(one.sum(1)).mean() - UA(other.sum(1)).mean()
    still = np.array(
        [
            np.mean([UA(np.tensordot(w, seed, 1)) for seed in one])
            - np.mean([UA(np.tensordot(w, s, 1)) for s in other])
            for w in bootstrap.draw_counts(n, 7, 999)
        ]
    )
    per_seed = [UA(table.sum(1)) for table in (one, other)]
    noise = [bootstrap.seed_noise(values, [7, k], 999) for k, values in enumerate(per_seed)]
    several = [values for values in per_seed if len(values) > 1]
    variances = [still.var() * n / (n - 1), *(values.var(ddof=1) / len(values) for values in several)]
    freedoms = [n - 1, *(len(values) - 1 for values in several)]
    df = sum(variances) ** 2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    stretch = np.sqrt(sum(variances) / (variances[0] * (n - 1) / n + sum(variances[1:])))
    moved, tail = still + noise[0] - noise[1], stats.norm.cdf(stretch * stats.t.ppf(0.025, df))
    assert (result.value, result.clusters, result.df) == pytest.approx((value, n, df)) and not result.at_most
    assert (result.lo, result.hi) == pytest.approx((np.quantile(moved, tail), np.quantile(moved, 1 - tail)))
    share = (min((moved <= 0).sum(), (moved >= 0).sum()) + 1) / 1000
    assert 0.01 < share < 0.5 and result.p == pytest.approx(2 * stats.t.cdf(stats.norm.ppf(share) / stretch, df))


def test_clusters_without_rows_do_not_count():
    one = tables(np.random.default_rng(0), 2, 12)
    more = np.insert(one, [0, 3, 12], 0, axis=1)
    assert more.shape[1] == 15 and estimate(UA, more, seed=1, draws=200) == estimate(UA, one, seed=1, draws=200)
    assert estimate(UA, more, more[::-1], seed=1, draws=200).clusters == 12
    more[:, 0, 1] = 1  # a cluster of one row
    assert estimate(UA, more, seed=1, draws=200).clusters == 13


def test_rounding_is_not_a_difference():
    """Sums in another order differ in their last digits, which is neither a difference nor one without spread."""
    one = tables(np.random.default_rng(0), 1, 6)
    for scale in (3, 7, 11):  # equal shares with unequal last digits
        result = estimate(UA, one / scale, one, seed=1)
        assert (result.value, result.lo, result.hi, result.p) == (0, 0, 0, 1)


# Methods -----------------------------------------------------------------------------------------------------------


def test_the_number_of_clusters_decides_the_method():
    assert [method(n) for n in (1, 4, 5, 9, 10, 60)] == ["", "", "jackknife", "jackknife", "bootstrap", "bootstrap"]
    beginnings = [described(n, "speaker").partition(":")[0] for n in (4, 9, 10)]
    assert beginnings == ["no intervals or p-values", "95 % intervals", "95 % intervals"]
    assert "4 sessions; fewer than 5" in described(4, "session") and ": 1 session;" in described(1, "session")
    assert "jackknife over 9 speakers, " in described(9, "speaker")
    assert ": bootstrap over 10 speakers, " in described(10, "speaker")


def test_below_five_clusters_there_is_a_value_without_an_interval():
    truth, one, other = world(8, shared=True)
    result = evaluate(truth, one, other, seed=1)
    for cell in (result["pooled"]["UA"], result["paired"]["UA"]):
        assert cell["lo"] is None and cell["hi"] is None and cell.get("p") is None and cell["clusters"] == 4
    assert result["pooled"]["UA"]["value"] > 0 and result["speakers"]["S07"]["n"] == 30


def test_identical_systems_have_no_difference_and_a_p_of_one():
    for count in (6, 12):
        one = tables(np.random.default_rng(0), 3, count)
        result = estimate(UA, one, one[::-1].copy(), seed=1, draws=500)
        assert (result.value, result.p, result.at_most) == (0, 1, False)


def test_a_difference_without_spread_has_no_p_from_the_jackknife():
    one, other = np.zeros((2, 1, 6, 4))
    one[..., 0], other[..., 0], other[..., 1] = 10, 8, 2
    result = estimate(WA, one, other, seed=1)
    assert result.value == pytest.approx(0.2) and (result.p, result.clusters, result.df) == (None, 6, 5)


def test_a_difference_without_spread_has_the_smallest_p_of_the_bootstrap():
    one, other = np.zeros((2, 1, 12, 4))
    one[..., 0], other[..., 0], other[..., 1] = 10, 8, 2
    result = estimate(WA, one, other, seed=1, draws=999)
    assert (result.lo, result.hi) == pytest.approx((0.2, 0.2)) and result.at_most
    assert result.p == pytest.approx(2 * stats.t.cdf(stats.norm.ppf(1 / 1000) / np.sqrt(12 / 11), 11))


def test_p_is_never_zero_and_the_smallest_is_marked():
    one, other = np.zeros((2, 1, 12, 4))
    one[..., 0], other[..., 0], other[..., 1] = 10, 2 + np.arange(12) % 3, 8 - np.arange(12) % 3
    result = [
        estimate(WA, a, b, seed=1, draws=draws) for a, b in ((one, other), (other, one)) for draws in (200, 20_000)
    ]
    assert all(e.at_most and e.p > 0 for e in result)
    assert result[0].p == result[2].p > 5 * result[1].p


def test_without_variance_between_seeds_the_degrees_of_freedom_are_those_of_the_clusters():
    assert (
        degrees_of_freedom([0.3], [9])
        == degrees_of_freedom([0.3, 0.0], [9, 2])
        == degrees_of_freedom([0.0, 0.0], [9, 2])
        == 9
    )
    assert degrees_of_freedom([0.2, 0.2], [9, 2]) == pytest.approx(0.16 / (0.04 / 9 + 0.04 / 2))
    same = np.repeat(tables(np.random.default_rng(0), 1, 12), 3, axis=0)
    three, alone = estimate(UA, same, seed=1), estimate(UA, same[:1], seed=1)
    assert (three.lo, three.hi, three.df) == pytest.approx((alone.lo, alone.hi, 11))


def test_seeds_that_disagree_widen_the_interval_and_fewer_seeds_widen_it_more():
    one = tables(np.random.default_rng(0), 1, 12)
    moved = np.array([0.0, 4.0, -4.0])[:, None, None] * np.array([1, -1, 0, 0])

    def width(counts):
        result = estimate(UA, counts, seed=1)
        return result.hi - result.lo

    assert width(one + moved[1:]) > width(one + moved) > 1.2 * width(one)


def test_far_percentiles_are_extrapolated():
    drawn = np.random.default_rng(0).normal(0.5, 0.1, 5000)
    assert intervals._percentile(0.5, drawn, -2.0) == pytest.approx(np.quantile(drawn, stats.norm.cdf(-2.0)))
    assert intervals._percentile(0.5, drawn, -6.0) == pytest.approx(0.5 - 0.6, abs=0.05)
    assert intervals._percentile(0.5, drawn, 6.0) == pytest.approx(0.5 + 0.6, abs=0.05)
    last = stats.norm.ppf(10 / 5001)  # ten draws lie beyond it
    assert intervals._percentile(0.5, drawn, last * 2) == pytest.approx(0.5 + 2 * (np.quantile(drawn, 10 / 5001) - 0.5))


def test_undefined_draws_are_left_out_but_an_undefined_jackknife_sample_leaves_no_interval():
    def accuracy(sums):  # undefined without rows of the second class
        return np.where(sums[..., 2:].sum(-1) > 0, WA(sums), np.nan)

    for count in (6, 12):
        one = tables(np.random.default_rng(0), 1, count)
        one[:, 1:, 2:] = 0
        result = estimate(accuracy, one, seed=1)
        assert result.value is not None and result.clusters == count and (result.lo is None) == (count == 6)


def test_holm_matches_a_hand_calculation_and_keeps_the_order():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0] and holm([0.02]) == [0.02] and holm([]) == []


def test_intervals_of_scores_are_clipped_to_zero_and_one():
    truth, one, _ = world(6, seeds=1)
    guess = truth.label.copy()
    guess[:25] = (guess[:25] + 1) % 3
    result = evaluate(truth, replace(one, probabilities=np.eye(3)[None, guess]), seed=1)["pooled"]
    assert all(cell["hi"] == 1.0 and cell["lo"] < cell["value"] for cell in result.values())


def test_an_undefined_metric_is_none(monkeypatch):
    plant(monkeypatch, "NOTHING", statistics=ones, value=constant(np.nan))
    truth, one, other = world(6)
    result = evaluate(truth, one, other, seed=1, metrics=[*DEFAULT, "NOTHING"])
    assert result["pooled"]["NOTHING"] == {"value": None, "lo": None, "hi": None, "clusters": 6, "df": None}
    assert result["paired"]["NOTHING"]["difference"] is None and result["folds"]["fold0"]["NOTHING"] is None
