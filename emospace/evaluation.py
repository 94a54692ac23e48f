"""Join predictions with the truth and measure: per fold, pooled, paired with the baseline, and in parts."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emospace import bootstrap
from emospace.audit import normalise_text
from emospace.errors import InputError
from emospace.manifest import Utterance
from emospace.metrics import METRICS, confusion_matrix, recalls

SUM_TOLERANCE = 1e-3  # probabilities are stored with seven digits
GENDERS = ["F", "M"]


@dataclass(frozen=True)
class Predictions:
    """Test predictions of one run: `utterances` (N) in manifest order, `folds` (N), probabilities (seeds, N, C).

    gender: (seeds, N, 2) or None.
    """

    utterances: list[str]
    folds: list[str]
    seeds: list[str]
    probabilities: np.ndarray
    gender: np.ndarray | None


def read_run(folders: Iterable[Path], order: Sequence[str], classes: Sequence[str]) -> Predictions:
    """Read <fold>-<seed>/probabilities.csv of every folder. Raises InputError unless every seed has each row of `order`
    in test exactly once."""
    found: dict[str, dict[str, tuple[str, np.ndarray, np.ndarray | None]]] = {}
    for folder in folders:
        fold, _, seed = folder.name.rpartition("-")
        path = folder / "probabilities.csv"
        seen = found.setdefault(seed, {})
        for name, values, gender in _test_rows(path, classes):
            if name in seen:
                raise InputError(path, f"{name!r} is a test row of {seen[name][0]} too", "mend the protocol")
            seen[name] = fold, values, gender
    seeds = sorted(found, key=int)
    for seed in seeds:
        if set(order) != set(found[seed]):
            odd = min(set(order) ^ set(found[seed]))
            raise InputError(odd, f"is not tested exactly once by seed {seed}", "run the workflow again")
    values = np.array([[found[s][u][1] for u in order] for s in seeds])
    genders = [[found[s][u][2] for u in order] for s in seeds]
    gender = None if genders[0][0] is None else np.array(genders)
    return Predictions(list(order), [found[seeds[0]][u][0] for u in order], seeds, values, gender)


def _test_rows(path: Path, classes: Sequence[str]):
    with open(path, encoding="utf-8", newline="") as handle:
        for line in csv.DictReader(handle):
            if line["split"] != "test":
                continue
            values = np.array([float(line[c]) for c in classes])
            if not np.isfinite(values).all() or abs(values.sum() - 1) > SUM_TOLERANCE:
                reason = f"the probabilities of {line['utterance']!r} are not a distribution"
                raise InputError(path, reason, "the model is at fault")
            gender = np.array([float(line[f"gender_{g}"]) for g in GENDERS]) if "gender_F" in line else None
            yield line["utterance"], values, gender


@dataclass(frozen=True)
class Truth:
    """What the manifest says of the N tested rows."""

    rows: list[Utterance]
    label: np.ndarray
    speaker: np.ndarray
    speakers: list[str]

    @classmethod
    def of(cls, rows: Sequence[Utterance], mapping: dict[str, str], classes: Sequence[str]) -> "Truth":
        """Rows that the label map keeps, in manifest order."""
        kept = [row for row in rows if row.label in mapping]
        speakers = sorted({row.speaker for row in kept})
        label = np.array([classes.index(mapping[row.label]) for row in kept])
        return cls(kept, label, np.array([speakers.index(row.speaker) for row in kept]), speakers)


def counts(truth: Truth, predictions: Predictions, classes: int, where: np.ndarray | None = None) -> np.ndarray:
    """Confusion counts (seeds, speakers, C, C) of the rows `where` (a mask (N,), all by default)."""
    mask = np.ones(len(truth.rows), bool) if where is None else where
    every = []
    for values in predictions.probabilities:
        guess = values.argmax(-1)
        mine = [mask & (truth.speaker == s) for s in range(len(truth.speakers))]
        every.append([confusion_matrix(truth.label[m], guess[m], classes) for m in mine])
    return np.array(every)


def measured(table: np.ndarray, drawn: np.ndarray) -> dict:
    """Every metric with its interval, averaged over seeds, and its deviation over seeds where there are several."""
    result = {}
    for name, metric in METRICS.items():
        per_seed = metric(table.sum(1))
        low, high = bootstrap.interval(bootstrap.distribution(metric, table, drawn))
        result[name] = {"value": float(per_seed.mean()), "lo": low, "hi": high}
        if len(per_seed) > 1:
            result[name]["seed_sd"] = float(per_seed.std(ddof=1))
    return result


def compared(table: np.ndarray, baseline: np.ndarray, drawn: np.ndarray) -> dict:
    """Every metric's difference to the baseline, with interval and p, on the same resamples."""
    result = {}
    for name, metric in METRICS.items():
        spread = bootstrap.distribution(metric, table, drawn) - bootstrap.distribution(metric, baseline, drawn)
        low, high = bootstrap.interval(spread)
        difference = float(metric(table.sum(1)).mean() - metric(baseline.sum(1)).mean())
        result[name] = {"difference": difference, "lo": low, "hi": high, "p": bootstrap.p_value(spread)}
    return result


def point(table: np.ndarray) -> dict:
    """Every metric without interval, and the number of rows."""
    values = {name: float(metric(table.sum(1)).mean()) for name, metric in METRICS.items()}
    return values | {"n": int(table[0].sum())}


def masks(truth: Truth, predictions: Predictions, train_texts: dict[str, set[str]]) -> dict[str, np.ndarray]:
    """Parts of the test rows worth a score of their own: name -> mask (N,). Parts that are all or nothing are left out.

    train_texts: fold -> normalised texts of its train rows.
    """
    pairs = zip(truth.rows, predictions.folds, strict=True)
    known = np.array([normalise_text(row.text) in train_texts[fold] for row, fold in pairs])
    scripted, empty = (np.array([bool(f(r)) for r in truth.rows]) for f in (lambda r: r.scripted, lambda r: not r.text))
    found = {"improvised": ~scripted, "scripted": scripted, "text not in train": ~known | empty}
    return {name: mask for name, mask in found.items() if mask.any() and not mask.all()}


def gender_result(truth: Truth, predictions: Predictions) -> dict | None:
    """Accuracy and confusion matrix of gender, where the model predicts it and the corpus knows it."""
    known = np.array([row.gender in GENDERS for row in truth.rows])
    if predictions.gender is None or not known.any():
        return None
    label = np.array([GENDERS.index(row.gender) if row.gender in GENDERS else 0 for row in truth.rows])[known]
    tables = [confusion_matrix(label, values.argmax(-1)[known], 2) for values in predictions.gender]
    table = np.mean(tables, axis=0)
    return {"accuracy": float(np.trace(table) / table.sum()), "confusion": table.tolist(), "classes": GENDERS}


def evaluate(
    truth: Truth,
    predictions: Predictions,
    baseline: Predictions | None,
    classes: Sequence[str],
    train_texts: dict[str, set[str]],
    seed: int,
) -> dict:
    """All that metrics.json holds of a run, as plain numbers."""
    size = len(classes)
    table = counts(truth, predictions, size)
    drawn = bootstrap.weights(len(truth.speakers), seed)
    folds = np.array(predictions.folds)
    parts = masks(truth, predictions, train_texts)
    by_fold = {f: point(counts(truth, predictions, size, folds == f)) for f in sorted(set(predictions.folds))}
    return {
        "pooled": measured(table, drawn),
        "paired": compared(table, counts(truth, baseline, size), drawn) if baseline else None,
        "recall": dict(zip(classes, np.nanmean(recalls(table.sum(1)), axis=0).tolist(), strict=True)),
        "confusion": table.sum(1).mean(0).tolist(),
        "folds": by_fold,
        "parts": {name: measured(counts(truth, predictions, size, mask), drawn) for name, mask in parts.items()},
        "part_sizes": {name: int(mask.sum()) for name, mask in parts.items()},
        "speakers": {s: point(table[:, i : i + 1]) for i, s in enumerate(truth.speakers)},
        "gender": gender_result(truth, predictions),
    }
