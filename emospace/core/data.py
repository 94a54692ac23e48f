"""A fold as a model sees it: inputs of all rows, labels of train and dev rows only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from emospace.core.store import Ragged, stack

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Rows:
    """N utterances on one side of a fold. Test rows have label -1, gender -1 and VAD NaN, so no model can fit them.

    inputs: name -> Ragged (row i: (T_i, D), T_i = 0 if missing) or, for a view, its N items as `View.read` returns
    them. `run:<name>` is the output of another run: its probabilities as one step of C dimensions (or its embeddings
    or extra for `run:<name>.embeddings` and `run:<name>.<extra>`), and no step for a row without any input of that run.
    run_probabilities: `run:<name>` -> probabilities, float32 (N, C), including the rows without a step.
    label, gender: int64 (N,), -1 if unknown; gender 0 = F, 1 = M.
    vad: float32 (N, 3), valence, arousal and dominance in the corpus's units, NaN if unlabelled.
    parent: int64 (N,), -1 for an original; for an augmented child, the index of the original that it copies with one
    modality replaced. Train rows have children, and dev rows in the training of a model with DEV_CHILDREN; they follow
    all originals.
    """

    utterances: Sequence[str]
    speakers: Sequence[str]
    inputs: dict[str, Ragged | list]
    label: np.ndarray
    gender: np.ndarray
    vad: np.ndarray
    parent: np.ndarray = field(default=None)  # by default all rows are originals
    run_probabilities: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        if self.parent is None:
            object.__setattr__(self, "parent", np.full(len(self.utterances), -1, np.int64))

    def __len__(self) -> int:
        return len(self.utterances)

    def present(self) -> np.ndarray:
        """Does each row have any of the inputs? bool (N,)."""
        present = [
            i.lengths > 0 if isinstance(i, Ragged) else [len(item) > 0 for item in i] for i in self.inputs.values()
        ]
        return np.any(np.array(present, bool).reshape(len(present), len(self)), axis=0)

    def only(self, name: str) -> "Rows":
        """Return the same rows with this input only."""
        return replace(self, inputs={name: self.inputs[name]})

    def originals(self) -> "Rows":
        """Return the rows without the children."""
        return self.take(np.flatnonzero(self.parent < 0))

    def take(self, rows: np.ndarray) -> "Rows":
        """Return the rows with these indices, in this order. The original of each child must be among them."""
        rows = np.asarray(rows, np.int64)
        new_index = {old: new for new, old in enumerate(rows.tolist())}
        return Rows(
            utterances=[self.utterances[i] for i in rows],
            speakers=[self.speakers[i] for i in rows],
            inputs={name: _select(items, rows) for name, items in self.inputs.items()},
            label=self.label[rows],
            gender=self.gender[rows],
            vad=self.vad[rows],
            parent=np.array([new_index[i] if i >= 0 else -1 for i in self.parent[rows].tolist()], np.int64),
            run_probabilities={name: values[rows] for name, values in self.run_probabilities.items()},
        )

    def hiding(self, names: Collection[str]) -> "Rows":
        """Return the same rows with these inputs missing, as the model sees them for a row without the modality."""
        inputs = {name: _empty(items) if name in names else items for name, items in self.inputs.items()}
        return replace(
            self, inputs=inputs, run_probabilities={k: v for k, v in self.run_probabilities.items() if k not in names}
        )


def _select(items: Ragged | list, rows: np.ndarray) -> Ragged | list:
    selected = [items[i] for i in rows]
    return stack(selected, [items]) if isinstance(items, Ragged) else selected


def _empty(items: Ragged | list) -> Ragged | list:
    if isinstance(items, Ragged):
        return Ragged(items.values[:0], np.zeros(len(items) + 1, np.int64))
    return [item[:0] for item in items]


@dataclass(frozen=True)
class Fold:
    """One fold of a protocol: class names (label k is classes[k]) and the rows of the three sides.

    about: input -> `holds`, `rate`, `layers` and perhaps `columns` from its sidecars, see emospace.core.sidecars.about.
    parents: `run:<name>.weights` -> the trained model of that run on this fold; such an input has no values per row.
    """

    classes: Sequence[str]
    train: Rows
    dev: Rows
    test: Rows
    about: dict[str, dict] = field(default_factory=dict)
    parents: dict[str, "Trained"] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """A complete trained model: `apply` needs nothing else.

    state: arrays, stored in model.safetensors. classes: those of the fold. history: numbers, one dict per epoch (or per
    candidate), all with the same columns, which the model chooses. The report plots train_loss, dev_loss and dev_ua
    (unweighted accuracy on dev) against the first column and marks the value of the fact of that column's name. facts:
    what was selected and why (JSON), for run.json. checkpoints: further states, by the names that the model declares.
    """

    state: dict[str, np.ndarray]
    classes: Sequence[str]
    history: list[dict] = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    checkpoints: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """A model's outputs for N rows.

    probabilities: float32 (N, C), rows sum to 1. embeddings: float32 (N, E) in the unified space, or None. gender:
    float32 (N, 2), probabilities of F and M, or None. dimensions: float32 (N, 3), valence, arousal and dominance in the
    corpus's units, or None; a dimension that the model does not predict is NaN in all rows. extras: one ragged array
    for each name that the model declares.
    """

    probabilities: np.ndarray
    embeddings: np.ndarray | None = None
    gender: np.ndarray | None = None
    dimensions: np.ndarray | None = None
    extras: dict[str, Ragged] = field(default_factory=dict)
