"""Nearest mean: softmax over the negative distances of a row to the means of the classes in train rows."""

import numpy as np

from emospace.core.data import Output, Trained
from emospace.core.option_types import Positive
from emospace.core.store import Ragged

DETERMINISTIC = True


def extras(**options):
    return ["distances"]


def checkpoints(**options):
    return ["unscaled"]


def train(fold, *, sharpness: Positive = 1.0):
    """sharpness: factor of the distances in the softmax, per standard deviation."""
    table = pooled(fold.train)
    means = np.stack([table[fold.train.label == k].mean(0) for k in range(len(fold.classes))])
    state = {"means": means, "scale": table.std(0) + 1e-6}
    history = [{"round": 1, "spread": float(table.std())}]
    facts = {"round": 1, "sharpness": sharpness}
    return Trained(state, fold.classes, history, facts, checkpoints={"unscaled": {"means": means}})


def apply(trained, rows):
    scaled = (pooled(rows)[:, None] - trained.state["means"]) / trained.state["scale"]
    distances = np.sqrt(np.square(scaled).mean(2))
    weights = np.exp(-trained.facts["sharpness"] * distances)
    ragged = Ragged(distances.astype(np.float32), np.arange(len(rows) + 1))  # one step per row
    return Output(weights / weights.sum(1, keepdims=True), extras={"distances": ragged})


def pooled(rows):
    """Return the mean over steps of every input, zero if it is missing: (N, sum of D)."""
    blocks = []
    for store in rows.inputs.values():
        nothing = np.zeros(store.values.shape[1])
        blocks.append(np.array([row.mean(0) if len(row) else nothing for row in store]).reshape(len(rows), -1))
    return np.concatenate(blocks, 1)
