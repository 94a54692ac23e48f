"""Measure a run: pooled over folds, per fold, per speaker, in parts, and against the baseline on the same resamples."""

from collections.abc import Sequence

import numpy as np

from emospace.core import plugin
from emospace.evaluation import bootstrap
from emospace.evaluation.intervals import Estimate, estimate
from emospace.evaluation.measures import CONCORDANCE, COUNTED, DEFAULT, Tables, lacking, tables, value
from emospace.evaluation.metrics._confusion import confusion_matrix, matrix, recalls
from emospace.evaluation.predictions import GENDERS, Predictions, Truth, of_rows, shared, taken


def cell(found: Estimate, low: float, high: float) -> dict:
    """Value, ends of its interval (cut to `low` and `high`), clusters and degrees of freedom behind them."""
    ends = {key: None if end is None else min(max(end, low), high) for key, end in (("lo", found.lo), ("hi", found.hi))}
    return {"value": found.value, **ends, "clusters": found.clusters, "df": found.df}


def empty(reason: str = "") -> dict:
    """The cell of a metric that cannot be computed."""
    return {"value": None, "lo": None, "hi": None, "clusters": 0, "df": None} | ({"reason": reason} if reason else {})


def measured(table: Tables, **how) -> dict:
    """Every metric: mean over seeds, interval, and the deviation over seeds where there are several."""
    result = {}
    for name, sums in table.items():
        module, metric = plugin.find("metrics", name), value(name)
        result[name] = cell(estimate(metric, sums, **how), module.LOWEST, module.HIGHEST)
        per_seed = metric(sums.sum(1))
        if len(per_seed) > 1 and not np.isnan(per_seed).any():
            result[name]["seed_sd"] = float(per_seed.std(ddof=1))
    return result


def compared(table: Tables, baseline: Tables, *, noisy: bool, **how) -> dict:
    """Every metric's difference to the baseline, with interval, p, and the seeds of both sides.

    noisy: one side was trained once, and another seed would have moved it. How far nobody knows, so there is no p.
    """
    result = {}
    for name in [name for name in table if name in baseline]:
        module = plugin.find("metrics", name)
        found = estimate(value(name), table[name], baseline[name], **how)
        widest = module.HIGHEST - module.LOWEST
        about = cell(found, -widest, widest)
        tested = {"p": None, "at_most": False} if noisy else {"p": found.p, "at_most": found.at_most}
        seeds = [len(table[name]), len(baseline[name])]
        result[name] = {"difference": about.pop("value"), **about, **tested, "seeds": seeds}
    return result


def class_recalls(table: np.ndarray, classes: list[str], **how) -> dict:
    """Recall of each class, with its interval over the clusters that have it, and its number of rows.

    table: confusion counts (seeds, clusters, C, C).
    """
    support, result = table[0].sum((0, 2)), {}
    for k, name in enumerate(classes):
        rows = np.zeros_like(table)
        rows[..., k, :] = table[..., k, :]  # clusters without the class say nothing of its recall
        flat = rows.reshape(*rows.shape[:2], -1)
        found = estimate(lambda sums, k=k: recalls(matrix(sums))[..., k], flat, **how)
        result[name] = cell(found, 0.0, 1.0) | {"n": int(support[k])}
    return result


def defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def point(table: Tables, counts: np.ndarray, classes: list[str]) -> dict:
    """Every metric without interval, the number of rows, and the classes that none of them has.

    counts: confusion counts of the same rows, (seeds, groups, C, C).
    """
    values = {name: defined(value(name)(sums.sum(1)).mean()) for name, sums in table.items()}
    support = counts[0].sum((0, 2))
    absent = [name for name, n in zip(classes, support, strict=True) if not n]
    return values | {"n": int(support.sum()), "absent_classes": absent}


def parts(truth: Truth) -> dict[str, np.ndarray]:
    """Parts of the tested rows worth a score of their own: name -> mask (N,).

    A split that puts all rows on one side tells nothing and is left out.
    """
    scripted = np.array([row.scripted for row in truth.rows])
    found = {"improvised": ~scripted, "scripted": scripted, "text not in train": ~truth.repeated}
    return {name: mask for name, mask in found.items() if mask.any() and not mask.all()}


def gender_result(truth: Truth, predictions: Predictions, baseline: Predictions | None = None) -> dict | None:
    """Accuracy and confusion matrix of gender, where the model predicts it and the corpus knows it.

    The accuracy of guessing the more frequent one, and of the baseline where that predicts gender, stand beside it.
    """
    known = np.array([row.gender in GENDERS for row in truth.rows])
    if predictions.gender is None or not known.any():
        return None
    label = np.array([GENDERS.index(row.gender) for row in truth.rows if row.gender in GENDERS])
    table = _genders(label, predictions.gender[:, known])
    found = {"accuracy": _accuracy(table), "confusion": table.tolist(), "classes": GENDERS, "n": len(label)}
    found["majority"] = float(np.bincount(label).max() / len(label))
    beside = baseline is not None and baseline.gender is not None
    return found | {"baseline": _accuracy(_genders(label, baseline.gender[:, known])) if beside else None}


def _genders(label: np.ndarray, female: np.ndarray) -> np.ndarray:
    """Confusion counts (2, 2), means over seeds. female: probability (seeds, N); F comes first."""
    return np.mean([confusion_matrix(label, (values < 0.5).astype(int), len(GENDERS)) for values in female], axis=0)


def _accuracy(table: np.ndarray) -> float:
    return float(np.trace(table) / table.sum())


def dimensions_result(table: Tables, **how) -> dict | None:
    """Of each dimension its CCC, with interval, of each seed, and the number of rows that are rated."""
    result = {}
    for dimension, name in CONCORDANCE.items():
        if name in table:
            per_seed = value(name)(table[name].sum(1))
            about = {"per_seed": [defined(v) for v in per_seed], "n": int(table[name][0, :, 0].sum())}
            result[dimension] = measured({name: table[name]}, **how)[name] | about
    return result or None


def unrepeated(stochastic: bool, predictions: Predictions | None) -> bool:
    """Was a model that depends on its seed trained with one seed only?"""
    return stochastic and predictions is not None and len(predictions.seeds) == 1


def untested(classes: list[str], metrics: Sequence[str] = DEFAULT) -> dict:
    """What `evaluate` returns where a run has no test rows: the same keys, nothing measured."""
    return {
        "pooled": {name: empty() for name in metrics},
        "paired": None,
        "recall": {name: empty() | {"n": 0} for name in classes},
        "confusion": [[0.0] * len(classes) for _ in classes],
        "folds": {},
        "speakers": {},
        "parts": {},
        "gender": None,
        "dimensions": None,
    }


def paired(
    truth: Truth, predictions: Predictions, baseline: Predictions, other: Truth | None, names: Sequence[str], **how
) -> dict:
    """`compared` on the rows that both test, and the numbers of these rows and of their clusters.

    other: the tested rows of the baseline, if it is of another protocol.
    """
    if other:
        mine, theirs = shared(truth, other)
        truth, predictions, baseline = taken(truth, mine), of_rows(predictions, mine), of_rows(baseline, theirs)
    groups, both = {"": truth.clusters.member}, (predictions, baseline)
    names = [name for name in names if not any(lacking(name, truth, one) for one in both)]
    sides = [tables(truth, one, names, groups)[""] for one in both]
    about = {"n": len(truth.rows), "clusters": truth.clusters.count}
    return {"paired": compared(*sides, **how), "shared": about}


def evaluate(
    truth: Truth,
    predictions: Predictions,
    baseline: Predictions | None = None,
    *,
    seed: int,
    draws: int = bootstrap.DRAWS,
    stochastic: tuple[bool, bool] = (True, True),
    metrics: Sequence[str] = DEFAULT,
    other: Truth | None = None,
) -> dict:
    """All that metrics.json holds of a run, as plain numbers. Several seeds: metrics of each seed, averaged.

    stochastic: does training depend on the seed, of the run and of the baseline? other: as of `paired`.
    """
    classes, how = list(truth.classes), {"seed": seed, "draws": draws}
    if not truth.rows:
        return untested(classes, metrics)
    reasons = {name: lacking(name, truth, predictions) for name in (*metrics, *CONCORDANCE.values())}
    able = [name for name, reason in reasons.items() if not reason]
    found = tables(truth, predictions, dict.fromkeys([*able, COUNTED]), groupings(truth))
    counts = {key: matrix(table[COUNTED]) for key, table in found.items()}
    shown = {key: {name: table[name] for name in metrics if name in able} for key, table in found.items()}
    noisy = any(map(unrepeated, stochastic, (predictions, baseline)))
    versus = paired(truth, predictions, baseline, other, metrics, noisy=noisy, **how) if baseline else {"paired": None}
    cells = measured(shown["pooled", ""], **how)
    return {
        "pooled": {name: cells[name] if name in cells else empty(reasons[name]) for name in metrics},
        **versus,
        "recall": class_recalls(counts["pooled", ""], classes, **how),
        "confusion": counts["pooled", ""].sum(1).mean(0).tolist(),
        "folds": {name: point(shown[kind, name], n, classes) for (kind, name), n in counts.items() if kind == "fold"},
        "speakers": speakers(truth, shown["speaker", ""], counts["speaker", ""]),
        "parts": {
            name: measured(shown["part", name], **how) | {"n": int(mask.sum())} for name, mask in parts(truth).items()
        },
        "gender": gender_result(truth, predictions, None if other else baseline),
        "dimensions": dimensions_result(found["pooled", ""], **how),
    }


def groupings(truth: Truth) -> dict[tuple[str, str], np.ndarray]:
    """(what, its name) -> the group of each tested row, or -1: clusters of all, of a fold and of a part; speakers."""
    group = truth.clusters.member
    found = {("pooled", ""): group, ("speaker", ""): truth.speaker}
    found |= {("fold", str(name)): np.where(truth.fold == name, group, -1) for name in sorted(set(truth.fold))}
    return found | {("part", name): np.where(mask, group, -1) for name, mask in parts(truth).items()}


def speakers(truth: Truth, table: Tables, counts: np.ndarray) -> dict:
    """`point` of each speaker."""
    of_each = ({name: sums[:, [i]] for name, sums in table.items()} for i in range(len(truth.speakers)))
    named = zip(truth.speakers, of_each, strict=True)
    return {name: point(mine, counts[:, [i]], truth.classes) for i, (name, mine) in enumerate(named)}
