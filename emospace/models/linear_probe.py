"""The mandatory baseline: pooled features and logistic regression, its strength of regularisation chosen on dev."""

import math
from pathlib import Path

import numpy as np

from emospace.data import Fold, Rows, Trained
from emospace.errors import InputError
from emospace.kinds import Count, Positive, Several

GENDERS = (0, 1)  # F and M, as in data.Rows
DETERMINISTIC = True
GPU = False


def pooled(rows: Rows) -> np.ndarray:
    """Mean and deviation over steps of every input, and whether it is there: float64 (N, sum of 2 D + 1).

    A missing modality is zeros with its flag at 0; rows of a single step have deviation 0.
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
    """Sum of the steps of each row, shape (N, D), each row on its own.

    Differences of a running total would be as fast, but their rounding error grows with the row number; scaled to unit
    deviation it tells a model where in the table a row stands, and tables are often sorted by label.
    """
    sums = np.zeros((len(offsets) - 1, values.shape[1]))
    full = np.flatnonzero(np.diff(offsets))
    if len(full):
        sums[full] = np.add.reduceat(values, offsets[full], axis=0)
    return sums


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    parents: dict[str, Path],
    candidates: Several[Positive] = (0.001, 0.01, 0.1, 1.0),
    max_iter: Count = 2000,
) -> Trained:
    """Fit on train for each inverse regularisation strength C of `candidates`; dev UA chooses.

    UA is the unweighted average of class recalls. Classes are weighted inversely to their frequency in train. A second
    regression of that strength tells gender, where train has both: what a head for gender is measured against.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score
    from sklearn.preprocessing import StandardScaler
    from tqdm import tqdm

    tables = [pooled(rows) for rows in (fold.train, fold.dev, fold.test)]
    scaler = StandardScaler().fit(tables[0])
    train_x, others = scaler.transform(tables[0]), scaler.transform(np.concatenate(tables[1:]))  # one may have no rows
    dev_x = others[: len(fold.dev)]
    history, best = [], None
    for strength in tqdm(candidates, "strength", disable=None):
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=max_iter)
        model.fit(train_x, fold.train.label)
        found = float(recall_score(fold.dev.label, model.predict(dev_x), average="macro", zero_division=0))
        history.append({"C": strength, "dev_ua": found})
        if best is None or found > best[0]:
            best = (found, strength, model)
    dev_ua, strength, model = best
    probabilities = np.zeros((len(others), len(fold.classes)), np.float32)
    probabilities[:, model.classes_] = model.predict_proba(others)
    state = {"mean": scaler.mean_, "scale": scaler.scale_, "coefficients": model.coef_, "intercept": model.intercept_}
    facts, gender = {"C": strength, "dev_ua": dev_ua}, None
    known = fold.train.gender >= 0
    if len(np.unique(fold.train.gender[known])) == len(GENDERS):
        second = LogisticRegression(C=strength, class_weight="balanced", max_iter=max_iter)
        second.fit(train_x[known], fold.train.gender[known])
        gender = second.predict_proba(others).astype(np.float32)
        state |= {"gender_coefficients": second.coef_, "gender_intercept": second.intercept_}
    return Trained(state, history, probabilities, gender=gender, facts=facts)
