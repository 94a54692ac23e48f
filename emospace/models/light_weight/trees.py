"""Random forests stored as arrays without pickle: the nodes of all trees in sequence."""

import numpy as np

from emospace.models._table import dense

LEAST_SPLIT = 25  # minimum number of rows to split a node (Sahu 2019)
TOGETHER = 32  # trees that all rows descend in one pass
State = dict[str, np.ndarray]


def fit(x: np.ndarray, y: np.ndarray, count: int, seed: int) -> State:
    """Fit a forest of `count` trees.

    roots: first node of each tree. below: left and right child (nodes, 2); for a leaf, -1 minus its row in `leaves`.
    leaves: class shares. feature, threshold: values up to the threshold go left. importance: (D,), sum 1.
    """
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(count, min_samples_split=LEAST_SPLIT, random_state=seed, n_jobs=1).fit(x, y)
    grown = [tree.tree_ for tree in forest.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in grown)])[:-1]
    below = np.concatenate(
        [np.stack([t.children_left, t.children_right], 1) + r for t, r in zip(grown, roots, strict=True)]
    )
    leaf = np.concatenate([tree.children_left < 0 for tree in grown])
    below[leaf] = (-1 - np.arange(leaf.sum()))[:, None]
    values = np.concatenate([tree.value[:, 0] for tree in grown])[leaf]
    return {
        "roots": roots,
        "below": below.astype(np.int32),
        "feature": np.concatenate([tree.feature for tree in grown]).astype(np.int32),
        "threshold": np.concatenate([tree.threshold for tree in grown]),
        "leaves": (values / values.sum(axis=1, keepdims=True)).astype(np.float32),
        "importance": forest.feature_importances_,
    }


def predict(state: State, x) -> np.ndarray:
    """Class shares averaged over all trees, (N, K)."""
    x, total = dense(x), 0.0
    for start in range(0, len(state["roots"]), TOGETHER):
        total = total + _shares(state, x, state["roots"][start : start + TOGETHER])
    return total / len(state["roots"])


def _shares(state: State, x: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """Class shares of the rows, summed over the trees with these roots."""
    rows = np.tile(np.arange(len(x)), len(roots))
    node = np.repeat(roots, len(x))
    leaf = np.empty(len(node), np.int64)
    active = np.arange(len(node))
    while len(active):
        at = node[active]
        right = x[rows[active], np.maximum(state["feature"][at], 0)] > state["threshold"][at]
        node[active] = state["below"][at, right.astype(np.int8)]
        ended = node[active] < 0
        leaf[active[ended]] = -1 - node[active[ended]]
        active = active[~ended]
    return state["leaves"][leaf].reshape(len(roots), len(x), -1).sum(axis=0, dtype=np.float64)
