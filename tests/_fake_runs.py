"""A trained run for tests of analyses, without files: its truth, predictions, rows and a model."""

from types import SimpleNamespace

import numpy as np
from _worlds import CLASSES, world
from conftest import ROOT

from emospace.core.data import Output, Rows
from emospace.core.store import Ragged
from emospace.evaluation import bootstrap, trained_run
from emospace.evaluation.predictions import Predictions, Truth
from emospace.evaluation.result import compare
from emospace.evaluation.trained_run import Training


def ragged(lengths: list[int]) -> Ragged:
    return Ragged(np.zeros((sum(lengths), 2), np.float32), np.cumsum([0, *lengths]))


def fake_run(names: list[str]):
    """A run of one fold and two seeds. Hidden inputs change its output; every third row lacks the first input."""
    truth, predictions, _ = world(6, rows=10, seeds=2)
    size = len(truth.rows)
    lengths = [[int(k > 0 or i % 3 > 0) for i in range(size)] for k, _ in enumerate(names)]
    some = Rows(
        [row.utterance for row in truth.rows],
        [row.speaker for row in truth.rows],
        {name: ragged(one) for name, one in zip(names, lengths, strict=True)},
        *[np.full(size, -1)] * 2,
        np.full((size, 3), np.nan),
    )

    def apply(training, rows, *, keep):
        guess = predictions.probabilities[training.seed].argmax(-1)
        return Output(np.eye(3, dtype=np.float32)[(guess + len(names) - len(keep)) % 3])

    def present(rows, keep):
        return np.any([rows.inputs[name].lengths > 0 for name in keep], axis=0)

    trainings = [Training("fold0", seed, ROOT, {}) for seed in (0, 1)]
    run = {"inputs": names, "classes": CLASSES, "seeds": [0, 1], "trainings": trainings, "predictions": predictions}
    fold, every = SimpleNamespace(test=some), list(range(size))
    run |= {"rows": lambda training: fold, "places": lambda training: every, "apply": apply, "present": present}
    run["measured"] = lambda values: trained_run.metric_cell(truth, Predictions([0, 1], values), "UA", 3)
    run["difference"] = lambda one, other: difference(truth, one, other)
    return SimpleNamespace(truth=truth, others={}, **run)


def difference(truth: Truth, one: np.ndarray, other: np.ndarray) -> dict:
    """`Run.difference` of probabilities of two seeds."""
    sides = [Predictions([0, 1], values) for values in (one, other)]
    cells = compare(truth, *sides, None, ["UA"], seed=3, draws=bootstrap.DRAWS, noisy=True)["paired"]["UA"]
    return {key: cells[key] for key in ("difference", "lo", "hi")}
