"""Scores of a run on its train and on its test rows, beside published ones: loss, WA, UA, accuracy of each class.

Test scores use the stored predictions. The stored models are applied to their train rows, which they have learnt.
"""

from pathlib import Path

import numpy as np

from emospace.core import records
from emospace.core.errors import InputError

OUTPUTS = ("sides.csv",)
PACKAGES = ("numpy", "torch")
GPU = True
FIRST = ("loss", "WA", "UA")


def suits(model, inputs) -> bool:
    """Whether the model can be applied to train rows: it reads no outputs of other runs."""
    return "run" not in getattr(model, "INPUTS", ("feature",))


def analyse(run, out: Path, *, seed: int, published: dict[str, tuple[float | None, ...]] = {}) -> dict:  # noqa: B006
    """Write sides.csv: a line for train, one for test, and one for each source of published test scores.

    Rows are pooled over folds and seeds, so a train row counts once for each fold that trains on it. loss: mean
    cross-entropy of the probabilities. published: source -> WA, UA and accuracy of each class in percent, null if not
    published.
    """
    train = [_train(run, training) for training in run.trainings]
    test = [(run.truth.label, probabilities) for probabilities in run.predictions.probabilities]
    lines = [_line(run.classes, side, pairs) for side, pairs in {"train": train, "test": test}.items()]
    lines += [_published(run.classes, source, figures) for source, figures in published.items()]
    columns = ["side", "source", "n", *FIRST, *(f"accuracy_{name}" for name in run.classes)]
    records.write(out / OUTPUTS[0], columns, [{name: line.get(name, "") for name in columns} for line in lines])
    return {line["side"]: {name: line[name] for name in FIRST} for line in lines[:2]}


def check_analyse(*, published: dict, **others) -> None:
    """Raise InputError for a source without figures."""
    for source, figures in published.items():
        if not figures:
            raise InputError(f"published: {source}", "it has no figures", "give WA, UA and the accuracy of each class")


def _train(run, training) -> tuple[np.ndarray, np.ndarray]:
    """Label and probabilities of the train rows of a training."""
    rows = run.rows(training).train
    return rows.label, run.apply(training, rows).probabilities


def _line(classes: list[str], side: str, pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict:
    label, probabilities = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    line = {"side": side, "source": "measured", "n": len(label)}
    if not len(label):
        return line | dict.fromkeys(FIRST, "")
    right = probabilities.argmax(1) == label
    loss = -np.log(np.maximum(probabilities[np.arange(len(label)), label], 1e-12)).mean()
    recalls = {name: right[label == k].mean() for k, name in enumerate(classes) if (label == k).any()}
    scores = {"loss": loss, "WA": right.mean(), "UA": np.mean(list(recalls.values()))}
    scores |= {f"accuracy_{name}": recall for name, recall in recalls.items()}
    return line | {name: f"{value:.4f}" for name, value in scores.items()}


def _published(classes: list[str], source: str, figures: tuple[float | None, ...]) -> dict:
    names = [*FIRST[1:], *(f"accuracy_{name}" for name in classes)]
    scores = {name: f"{value / 100:.4f}" for name, value in zip(names, figures, strict=False) if value is not None}
    return {"side": "test", "source": source} | scores
