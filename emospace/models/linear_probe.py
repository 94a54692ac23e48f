"""The mandatory baseline: the best linear classifier of pooled features on dev, LDA or logistic regression."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Gt, Le

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Positive, Several
from emospace.models._pooled import statistics
from emospace.training.calibration import softmax, temperature
from emospace.training.discriminant import discriminants
from emospace.training.recall import mean_recall

Shrinkage = Annotated[float, Gt(0), Le(1)]
GENDERS = (0, 1)  # F and M, as in data.Rows
INPUTS = ("feature", "run")
DETERMINISTIC = True


class Classifier(NamedTuple):
    """Linear scores of K classes: coefficients (K, D), intercept (K,); their softmax are probabilities.

    setting: {"shrinkage": ...} of linear discriminant analysis, or {"C": ...} of logistic regression.
    """

    setting: dict[str, float]
    coefficients: np.ndarray
    intercept: np.ndarray

    def scores(self, table: np.ndarray) -> np.ndarray:
        return table @ self.coefficients.T + self.intercept

    def divided(self, divisor: float) -> "Classifier":
        """The same decisions with other probabilities."""
        return self._replace(coefficients=self.coefficients / divisor, intercept=self.intercept / divisor)


def pooled(rows: Rows) -> np.ndarray:
    """Mean and standard deviation over the steps of each input, and a presence flag: float64 (N, sum of 2 D + 1).

    A missing input is all zeros, flag included; a single step has deviation 0.
    """
    blocks = []
    for name, ragged in rows.inputs.items():
        if isinstance(ragged, list):
            raise InputError(f"input {name}", "linear_probe reads features, not strings", "give it an encoded feature")
        blocks += [statistics(ragged), (ragged.lengths > 0).astype(np.float64)[:, None]]
    return np.concatenate(blocks, axis=1)


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    shrinkages: tuple[Shrinkage, ...] = (0.5, 0.3, 0.1, 0.7),
    candidates: Several[Positive] = (0.001, 0.01, 0.1, 1.0),
    max_iter: Count = 2000,
) -> Trained:
    """Fit classifiers on train and select one by UA on dev; of equal ones, the first.

    shrinkages: of the covariance in linear discriminant analysis (LDA), which is tried first; none if empty.
    candidates: inverse regularisation strengths C of logistic regression. UA is the unweighted average of class
    recalls. Without dev rows the first classifier is taken. Classes count alike, however many train rows they have.
    The probabilities are calibrated by a temperature that minimises the log loss on dev. If train has both genders, a
    classifier with the selected setting predicts gender, as the baseline of gender heads.
    """
    from sklearn.preprocessing import StandardScaler

    table = pooled(fold.train)
    scaler = StandardScaler().fit(table)
    train_x, dev_x = scaler.transform(table), _scaled(pooled(fold.dev), scaler.mean_, scaler.scale_)
    names = np.unique(fold.train.label)
    history, best, options = [], None, (shrinkages, candidates, max_iter)
    for classifier in _classifiers(train_x, fold.train.label, *options):
        ua = mean_recall(fold.dev.label, names[classifier.scores(dev_x).argmax(axis=1)])
        unused = {"shrinkage": math.nan, "C": math.nan}
        history.append({"candidate": len(history) + 1, **unused, **classifier.setting, "dev_ua": ua})
        if best is None or ua > best[0]:
            best = (ua, len(history), classifier)
        if not len(fold.dev):
            break
    ua, number, chosen = best
    chosen = chosen.divided(temperature(chosen.scores(dev_x), _positions(fold.dev.label, names)))
    state = {"mean": scaler.mean_, "scale": scaler.scale_, "labels": names}
    state |= {"coefficients": chosen.coefficients, "intercept": chosen.intercept}
    if gender := _gender_classifier(chosen.setting, train_x, fold.train.gender, dev_x, fold.dev.gender, max_iter):
        state |= {"gender_coefficients": gender.coefficients, "gender_intercept": gender.intercept}
    facts = {"candidate": number, **chosen.setting, "dev_ua": ua if len(fold.dev) else None}
    return Trained(state, fold.classes, history, facts)


def _classifiers(
    table: np.ndarray, labels: np.ndarray, shrinkages: Sequence[float], strengths: Sequence[float], max_iter: int
) -> Iterator[Classifier]:
    """Yield a classifier for each setting. table: (N, D), standardised."""
    from sklearn.linear_model import LogisticRegression

    for found in discriminants(table, labels, shrinkages):
        yield Classifier({"shrinkage": found.shrinkage}, found.coefficients, found.intercept)
    for strength in strengths:
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=max_iter).fit(table, labels)
        coefficients, intercept = model.coef_, model.intercept_
        if len(coefficients) == 1:  # of two classes it gives the score of the second; that of the first is zero
            coefficients, intercept = (np.concatenate([0 * values, values]) for values in (coefficients, intercept))
        yield Classifier({"C": strength}, coefficients, intercept)


def _gender_classifier(
    setting: dict, train_x: np.ndarray, train_gender: np.ndarray, dev_x: np.ndarray, dev_gender: np.ndarray, limit: int
) -> Classifier | None:
    """The classifier of gender with this setting, calibrated on dev; None unless train has both genders."""
    known = train_gender >= 0
    if len(np.unique(train_gender[known])) < len(GENDERS):
        return None
    lists = [[setting[name]] if name in setting else [] for name in ("shrinkage", "C")]
    [found] = _classifiers(train_x[known], train_gender[known], *lists, limit)
    return found.divided(temperature(found.scores(dev_x), dev_gender))


def _positions(labels: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Index in `names` of each label, -1 for those not in it."""
    place = np.searchsorted(names, labels).clip(max=len(names) - 1)
    return np.where(names[place] == labels, place, -1)


def apply(trained: Trained, rows: Rows) -> Output:
    """Predict classes, with probability 0 for those absent from train, and gender if train has both."""
    probabilities, state = np.zeros((len(rows), len(trained.classes)), np.float32), trained.state
    table = _scaled(pooled(rows), state["mean"], state["scale"])
    chosen = Classifier({}, state["coefficients"], state["intercept"])
    probabilities[:, state["labels"]] = softmax(chosen.scores(table))
    gender = None
    if "gender_coefficients" in state:
        classifier = Classifier({}, state["gender_coefficients"], state["gender_intercept"])
        gender = softmax(classifier.scores(table)).astype(np.float32)
    return Output(probabilities, gender=gender)


def _scaled(table: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return (table - mean) / scale
