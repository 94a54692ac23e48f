"""The mandatory baseline: logistic regression on pooled features, with regularisation strength selected on dev."""

import math
from pathlib import Path

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Positive, Several

GENDERS = (0, 1)  # F and M, as in data.Rows
INPUTS = ("feature", "run")
DETERMINISTIC = True


def pooled(rows: Rows) -> np.ndarray:
    """Mean and standard deviation over the steps of each input, and a presence flag: float64 (N, sum of 2 D + 1).

    A missing input is all zeros, flag included; a single step has deviation 0.
    """
    blocks = []
    for name, ragged in rows.inputs.items():
        if isinstance(ragged, list):
            raise InputError(f"input {name}", "linear_probe reads features, not strings", "give it an encoded feature")
        lengths = np.maximum(ragged.lengths, 1)[:, None]
        values = np.asarray(ragged.values, np.float64).reshape(len(ragged.values), math.prod(ragged.values.shape[1:]))
        mean = _sums(values, ragged.offsets) / lengths
        centred = values - np.repeat(mean, ragged.lengths, axis=0)
        spread = np.sqrt(_sums(np.square(centred), ragged.offsets) / lengths)
        blocks += [mean, spread, (ragged.lengths > 0).astype(np.float64)[:, None]]
    return np.concatenate(blocks, axis=1)


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Sum over the steps of each row, (N, D), computed per row.

    Differences of a running total would be as fast, but their rounding error grows with the row number. Scaled to unit
    deviation, it would leak the position of a row in the table, and tables are often sorted by label.
    """
    sums = np.zeros((len(offsets) - 1, values.shape[1]))
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        sums[filled] = np.add.reduceat(values, offsets[filled], axis=0)
    return sums


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    candidates: Several[Positive] = (0.001, 0.01, 0.1, 1.0),
    max_iter: Count = 2000,
) -> Trained:
    """Fit on train for each inverse regularisation strength C in `candidates`; select by UA on dev.

    UA is the unweighted average of class recalls. Without dev rows the first candidate is taken. Classes are weighted
    inversely to their frequency in train. If train has both genders, a second regression with the selected C predicts
    gender, as the baseline of gender heads.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score
    from sklearn.preprocessing import StandardScaler
    from tqdm import tqdm

    table = pooled(fold.train)
    scaler = StandardScaler().fit(table)
    train_x, dev_x = scaler.transform(table), _scaled(pooled(fold.dev), scaler.mean_, scaler.scale_)
    history, best = [], None
    for strength in tqdm(candidates if len(fold.dev) else candidates[:1], "strength", disable=None):
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=max_iter)
        model.fit(train_x, fold.train.label)
        ua = math.nan
        if len(fold.dev):
            ua = float(recall_score(fold.dev.label, model.predict(dev_x), average="macro", zero_division=0))
        history.append({"C": strength, "dev_ua": ua})
        if best is None or ua > best[0]:
            best = (ua, strength, model)
    dev_ua, strength, model = best
    state = {"mean": scaler.mean_, "scale": scaler.scale_, "coefficients": model.coef_, "intercept": model.intercept_}
    state["labels"] = model.classes_
    known = fold.train.gender >= 0
    if len(np.unique(fold.train.gender[known])) == len(GENDERS):
        gender_model = LogisticRegression(C=strength, class_weight="balanced", max_iter=max_iter)
        gender_model.fit(train_x[known], fold.train.gender[known])
        state |= {"gender_coefficients": gender_model.coef_, "gender_intercept": gender_model.intercept_}
    return Trained(state, fold.classes, history, {"C": strength, "dev_ua": dev_ua if len(fold.dev) else None})


def apply(trained: Trained, rows: Rows) -> Output:
    """Predict classes, with probability 0 for those absent from train, and gender if train has both."""
    probabilities, state = np.zeros((len(rows), len(trained.classes)), np.float32), trained.state
    with_gender = "gender_coefficients" in state
    gender = np.zeros((len(rows), len(GENDERS)), np.float32) if with_gender else None
    if len(rows):
        table = _scaled(pooled(rows), state["mean"], state["scale"])
        probabilities[:, state["labels"]] = _probabilities(
            table, state["coefficients"], state["intercept"], state["labels"]
        )
        if with_gender:
            gender[:] = _probabilities(
                table, state["gender_coefficients"], state["gender_intercept"], np.array(GENDERS)
            )
    return Output(probabilities, gender=gender)


def _probabilities(
    table: np.ndarray, coefficients: np.ndarray, intercept: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression()
    model.coef_, model.intercept_, model.classes_ = coefficients, intercept, labels
    return model.predict_proba(table)


def _scaled(table: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return (table - mean) / scale
