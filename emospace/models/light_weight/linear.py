"""Linear members: each predicts the softmax of a linear function, divided by a temperature.

A support vector machine gives distances, not probabilities. One temperature, fitted on held-out train rows, turns its
distances into logits without changing any decision.
"""

from collections.abc import Sequence

import numpy as np

from emospace.training.calibration import softmax, temperature

State = dict[str, np.ndarray]
PARTS = 3  # cross-fitting parts of the train rows, for distances of rows that were not fitted


def fit_svm(x, y: np.ndarray, speakers: Sequence[str], iterations: int, seed: int) -> State:
    """Fit LinearSVC with its defaults, one class against the rest."""
    state = _distances_of(x, y, seed)
    held = _held_out(x, y, speakers, seed)
    return state | {"temperature": np.array(temperature(*held) if held else 1.0)}


def fit_mnb(x, y: np.ndarray, speakers: Sequence[str], iterations: int, seed: int) -> State:
    """Fit multinomial naive Bayes. It models counts, so values must not be negative."""
    from sklearn.naive_bayes import MultinomialNB

    model = MultinomialNB().fit(x, y)
    return {"coefficients": model.feature_log_prob_, "intercept": model.class_log_prior_}


def fit_lr(x, y: np.ndarray, speakers: Sequence[str], iterations: int, seed: int) -> State:
    """Fit multinomial logistic regression with L2 regularisation, C = 1."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=iterations).fit(x, y)
    return _all_classes(model, np.zeros_like)


FIT = {"svm": fit_svm, "mnb": fit_mnb, "lr": fit_lr}


def predict(state: State, x) -> np.ndarray:
    """Class probabilities (N, K)."""
    return softmax(_logits(state, x) / state.get("temperature", 1.0))


def _logits(state: State, x) -> np.ndarray:
    return np.asarray(x @ state["coefficients"].T) + state["intercept"]


def _all_classes(model, first) -> State:
    """Coefficients per class. For two classes scikit-learn stores one row; first(row) gives that of the first class."""
    weights, intercept = model.coef_, model.intercept_
    if len(weights) == 1:
        weights, intercept = (np.concatenate([first(values), values]) for values in (weights, intercept))
    return {"coefficients": weights, "intercept": intercept}


def _distances_of(x, y: np.ndarray, seed: int) -> State:
    from sklearn.svm import LinearSVC

    return _all_classes(LinearSVC(random_state=seed).fit(x, y), np.negative)


def _held_out(x, y: np.ndarray, speakers: Sequence[str], seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Distances and classes of train rows, from models that have not seen the rows' speakers.

    A part whose complement lacks a class is left out. Returns None if no part remains or there are too few speakers.
    """
    from sklearn.model_selection import GroupKFold

    if len(set(speakers)) < PARTS:
        return None
    found = []
    for fitted, held in GroupKFold(PARTS).split(np.zeros(len(y)), groups=np.asarray(speakers)):
        if len(np.unique(y[fitted])) == len(np.unique(y)):
            found.append((_logits(_distances_of(x[fitted], y[fitted], seed), x[held]), y[held]))
    return tuple(np.concatenate(values) for values in zip(*found, strict=True)) if found else None
