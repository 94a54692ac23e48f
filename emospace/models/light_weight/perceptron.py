"""A perceptron with one hidden layer, trained with Adam until the train loss converges (scikit-learn)."""

import logging
import warnings

import numpy as np

from emospace.training.calibration import softmax

State = dict[str, np.ndarray]
RATE = 0.01


def fit(x, y: np.ndarray, hidden: int, iterations: int, seed: int) -> State:
    """Fit the network. hidden: units; iterations: maximum epochs. A batch has 200 rows, or all if there are fewer."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier((hidden,), learning_rate_init=RATE, max_iter=iterations, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, y)
    if model.n_iter_ == iterations:
        logging.info("mlp: stopped after %d epochs, before its loss stood still", iterations)
    first, second = model.coefs_
    shift = model.intercepts_[1]
    if second.shape[1] == 1:  # two classes have one logistic output
        second, shift = np.concatenate([np.zeros_like(second), second], axis=1), np.array([0, shift[0]])
    return {"first": first, "first_shift": model.intercepts_[0], "second": second, "second_shift": shift}


def predict(state: State, x) -> np.ndarray:
    """Class probabilities (N, K)."""
    hidden = np.maximum(np.asarray(x @ state["first"]) + state["first_shift"], 0)
    return softmax(hidden @ state["second"] + state["second_shift"])
