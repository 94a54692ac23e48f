"""Gradient boosting with XGBoost (Apache-2.0), stored without pickle in XGBoost's binary JSON format.

XGBoost is an extra: pip install -r requirements-extra.txt -c constraints.txt. The CPU build needs no CUDA packages.
"""

import numpy as np

from emospace.core.errors import InputError
from emospace.models._table import dense

State = dict[str, np.ndarray]


def fit(x: np.ndarray, y: np.ndarray, rounds: int, depth: int, rate: float, seed: int) -> State:
    """Fit boosted trees, one per class and round. model: bytes. importance: share of the gain, (D,)."""
    xgboost = _xgboost()
    options = {"max_depth": depth, "eta": rate, "objective": "multi:softprob", "num_class": int(y.max()) + 1}
    booster = xgboost.train(options | {"seed": seed, "nthread": 1}, xgboost.DMatrix(x, y, nthread=1), rounds)
    gain = np.zeros(x.shape[1])
    for name, value in booster.get_score(importance_type="gain").items():
        gain[int(name.removeprefix("f"))] = value
    model = np.frombuffer(booster.save_raw("ubj"), np.uint8)
    return {"model": model, "importance": gain / max(gain.sum(), 1e-300)}


def predict(state: State, x) -> np.ndarray:
    """Class probabilities (N, K)."""
    xgboost = _xgboost()
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(state["model"].tobytes()))
    return booster.predict(xgboost.DMatrix(dense(x), nthread=1)).astype(np.float64)


def _xgboost():
    try:
        import xgboost
    except ImportError as error:
        remedy = "pip install -r requirements-extra.txt -c constraints.txt"
        raise InputError("light_weight", "the package xgboost-cpu is not installed", remedy) from error
    return xgboost
