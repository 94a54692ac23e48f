"""Late fusion: the mean of the probabilities that other runs stored for the same fold and seed."""

import csv
from pathlib import Path

import numpy as np

from emospace.data import Fold, Trained
from emospace.errors import InputError

DETERMINISTIC = True
GPU = False
SUBSETS = True


def read_probabilities(folder: Path, utterances: list[str], classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """A run's probabilities (N, C) for these utterances, and whether each had any of the run's inputs (N,)."""
    path = folder / "probabilities.csv"
    with open(path, encoding="utf-8", newline="") as handle:
        found = {line["utterance"]: line for line in csv.DictReader(handle)}
    lacking = [u for u in utterances if u not in found]
    if lacking:
        raise InputError(path, f"has no row for {lacking[0]!r}", "run the workflow again")
    values = [[float(found[u][c]) for c in classes] for u in utterances]
    return np.array(values, np.float32), np.array([found[u]["present"] == "1" for u in utterances])


def train(fold: Fold, *, seed: int, checkpoint: Path, parents: dict[str, Path]) -> Trained:
    """Average over the parents that had something to look at; over all of them where none had."""
    if not parents:
        raise InputError("late_fusion", "has no parents", "list the runs to average under `parents:`")
    utterances = [*fold.dev.utterances, *fold.test.utterances]
    mean = fuse(list(parents.values()), utterances, list(fold.classes))
    return Trained({"parents": np.array([len(parents)])}, [], mean, facts={"parents": sorted(parents)})


def fuse(folders: list[Path], utterances: list[str], classes: list[str]) -> np.ndarray:
    """Mean of what the runs in these folders stored of the utterances, (N, C)."""
    found = [read_probabilities(folder, utterances, classes) for folder in folders]
    weights = np.stack([present for _, present in found], axis=1).astype(np.float32)
    weights[weights.sum(axis=1) == 0] = 1
    stacked = np.stack([values for values, _ in found], axis=1)
    return (stacked * weights[..., None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
