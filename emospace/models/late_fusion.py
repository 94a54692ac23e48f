"""Late fusion: the mean of the probabilities predicted by other runs."""

from pathlib import Path

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError

INPUTS = ("run",)
DETERMINISTIC = True
SUBSETS = True
LEARNS = False


def train(fold: Fold, *, seed: int, checkpoint: Path) -> Trained:
    """Record which runs are averaged; there is nothing to fit."""
    if other := fold.dev.inputs.keys() - fold.dev.run_probabilities.keys():
        raise InputError(f"input {min(other)}", "late_fusion reads probabilities", "list runs: `inputs: [run:<name>]`")
    if not fold.dev.run_probabilities:
        raise InputError("late_fusion", "it has no inputs", "list the runs to average: `inputs: [run:<name>]`")
    names = sorted(name.removeprefix("run:") for name in fold.dev.run_probabilities)
    return Trained({"parents": np.array([len(names)])}, fold.classes, facts={"parents": names})


def apply(trained: Trained, rows: Rows) -> Output:
    """Average the runs that had any of their inputs for a row, or all runs if none had."""
    if not rows.run_probabilities:
        reason = "no run has predictions for these rows"
        remedy = "apply it to dev or test rows, or to train rows that the runs were applied to"
        raise InputError("late_fusion", reason, remedy)
    weights = np.stack([rows.inputs[name].lengths > 0 for name in rows.run_probabilities], axis=1).astype(np.float32)
    weights[weights.sum(axis=1) == 0] = 1
    stacked = np.stack(list(rows.run_probabilities.values()), axis=1)
    return Output((stacked * weights[..., None]).sum(axis=1) / weights.sum(axis=1, keepdims=True))
