"""Fit and apply the members of the family. Their states are arrays named `<member>.<array>`.

If train has a single class, nothing is fitted and every member predicts that class.
"""

from collections.abc import Collection, Sequence

import numpy as np

from emospace.models import _table
from emospace.models.light_weight import boosting, linear, perceptron, trees

State = dict[str, np.ndarray]
KINDS = {"rf": trees, "xgb": boosting, "svm": linear, "mnb": linear, "lr": linear, "mlp": perceptron}


def fit(
    x,
    label: np.ndarray,
    speakers: Sequence[str],
    members: Collection[str],
    top: Collection[int],
    options: dict,
    seed: int,
) -> tuple[State, dict]:
    """Return the states of all members, and facts. x: (N, D), dense or sparse; label: (N,); speakers: one per row."""
    classes, y = np.unique(label, return_inverse=True)
    if len(classes) < 2:
        return {}, {}
    state, facts = {}, {}
    for name in members:
        fitted = _fit(name, x, y, speakers, options, seed)
        state |= {f"{name}.{key}": value for key, value in fitted.items()}
    if "svm.temperature" in state:
        facts["svm"] = "its distances are calibrated on train rows, cross-fitted by speaker"
        facts["svm_temperature"] = float(state["svm.temperature"])
    order = np.argsort(-state["rf.importance"], kind="stable") if top else []
    for count in top:
        chosen = np.sort(order[:count])
        fitted = trees.fit(_table.dense(x)[:, chosen], y, options["trees"], seed)
        state |= {f"top{count}.{key}": value for key, value in fitted.items()}
        state[f"top{count}.chosen"] = chosen
    return state, facts


def _fit(name: str, x, y: np.ndarray, speakers: Sequence[str], options: dict, seed: int) -> State:
    if name == "rf":
        return trees.fit(_table.dense(x), y, options["trees"], seed)
    if name == "xgb":
        return boosting.fit(_table.dense(x), y, options["boosted"], options["depth"], options["rate"], seed)
    if name == "mlp":
        return perceptron.fit(x, y, options["hidden"], options["iterations"], seed)
    return linear.FIT[name](x, y, speakers, options["iterations"], seed)


def predict(state: State, x, names: Collection[str]) -> dict[str, np.ndarray]:
    """Map each named member, except ensembles, to probabilities (N, K) of the K classes of train."""
    fitted = {name: _table.part(name, state) for name in names if _table.part(name, state)}
    if not fitted:
        return {name: np.ones((x.shape[0], 1)) for name in names}
    values = {}
    for name, own in fitted.items():
        columns = _table.dense(x)[:, own["chosen"]] if "chosen" in own else x
        values[name] = KINDS.get(name, trees).predict(own, columns)
    return values
