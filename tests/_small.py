"""A small synthetic fold: three classes, three inputs whose mean depends on the label, some of them missing."""

import numpy as np

from emospace.core.data import Fold, Rows, Trained
from emospace.core.store import Ragged

CLASSES = ["ang", "neu", "sad"]
INPUTS = {"audio.mfcc": 6, "frames.clip": 5, "text.sbert": 4}
SMALL = {"width": 16, "embedding": 16, "recurrent": 8, "epochs": 20, "patience": 20, "batch": 16, "lr": 1e-2}
BRIEF = SMALL | {"epochs": 2}  # for tests that do not need a trained model


def arrays(seed: int, count: int, missing: float = 0.2):
    """Return labels and, per input, rows whose mean depends on the label; some rows are missing."""
    rng = np.random.default_rng(seed)
    label = np.arange(count) % len(CLASSES)
    inputs = {}
    for name, dims in INPUTS.items():
        steps = {"audio.mfcc": rng.integers(33, 80, count), "frames.clip": rng.integers(1, 5, count)}
        steps = steps.get(name, np.ones(count, int)) * (rng.random(count) >= missing)
        lean = np.eye(len(CLASSES), dims)[label] * 2
        inputs[name] = [(rng.normal(size=(n, dims)) + m).astype(np.float32) for n, m in zip(steps, lean, strict=True)]
    return label, inputs


def ragged(rows: list[np.ndarray]) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
    return Ragged(np.concatenate(rows), offsets)


def split(seed: int, count: int, hidden: bool = False, missing: float = 0.2) -> Rows:
    label, inputs = arrays(seed, count, missing)
    unknown = np.full(count, -1)
    return Rows(
        utterances=[f"u{seed}_{i}" for i in range(count)],
        speakers=[f"s{seed}"] * count,
        inputs={name: ragged(rows) for name, rows in inputs.items()},
        label=unknown if hidden else label,
        gender=unknown if hidden else label % 2,
        vad=np.full((count, 3), np.nan, np.float32) if hidden else np.stack([label] * 3, 1).astype(np.float32),
    )


def probabilities(model, trained: Trained, fold: Fold) -> np.ndarray:
    """Predicted probabilities of the dev rows, then of the test rows."""
    return np.concatenate([model.apply(trained, rows).probabilities for rows in (fold.dev, fold.test)])


def with_children(rows: Rows, copies: int) -> Rows:
    """Append children to the rows: noisy copies of the audio of the last rows."""
    parents = np.arange(len(rows) - copies, len(rows)).repeat(2)
    rng = np.random.default_rng(5)
    inputs = {}
    for name, old in rows.inputs.items():
        made = [old[i] + 0.1 * (name == "audio.mfcc") * rng.normal(size=old[i].shape) for i in parents]
        inputs[name] = ragged([*(old[i] for i in range(len(rows))), *(m.astype(np.float32) for m in made)])
    return Rows(
        utterances=[*rows.utterances, *(f"{rows.utterances[p]}~{i}" for i, p in enumerate(parents))],
        speakers=[*rows.speakers, *(rows.speakers[p] for p in parents)],
        inputs=inputs,
        label=np.concatenate([rows.label, rows.label[parents]]),
        gender=np.concatenate([rows.gender, rows.gender[parents]]),
        vad=np.concatenate([rows.vad, rows.vad[parents]]),
        parent=np.concatenate([np.full(len(rows), -1), parents]),
    )
