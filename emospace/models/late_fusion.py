"""Late fusion: the mean of the probabilities that other runs give."""

from pathlib import Path

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError

INPUTS = ("run",)
DETERMINISTIC = True
SUBSETS = True
LEARNS = False


def train(fold: Fold, *, seed: int, checkpoint: Path) -> Trained:
    """Nothing is learnt: which runs are averaged is all there is."""
    if odd := fold.dev.inputs.keys() - fold.dev.said.keys():
        raise InputError(f"input {min(odd)}", "late_fusion reads probabilities", "list runs: `inputs: [run:<name>]`")
    if not fold.dev.said:
        raise InputError("late_fusion", "it has no inputs", "list the runs to average: `inputs: [run:<name>]`")
    names = sorted(name.removeprefix("run:") for name in fold.dev.said)
    return Trained({"parents": np.array([len(names)])}, fold.classes, facts={"parents": names})


def apply(trained: Trained, rows: Rows) -> Output:
    """The mean over the runs that saw any of their inputs; over all of them where none did."""
    if not rows.said:
        reason = "no run has been asked about these rows"
        raise InputError("late_fusion", reason, "give it dev or test rows, or train rows of runs that are asked")
    weights = np.stack([rows.inputs[name].lengths > 0 for name in rows.said], axis=1).astype(np.float32)
    weights[weights.sum(axis=1) == 0] = 1
    stacked = np.stack(list(rows.said.values()), axis=1)
    return Output((stacked * weights[..., None]).sum(axis=1) / weights.sum(axis=1, keepdims=True))
