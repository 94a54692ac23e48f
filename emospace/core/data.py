"""What a model sees of a fold: features, and labels of train and dev rows only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from emospace.core.store import Ragged, stack

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Rows:
    """N utterances of one split. Test rows have label -1, gender -1 and VAD NaN: nobody can learn from them.

    inputs: name -> Ragged (row i: (T_i, D), T_i = 0 where missing) or, for a view, its N items as `View.read` gives
    them. `run:<name>` holds what another run says: its probabilities as one step of C dimensions (`.embeddings`,
    `.<extra>`: those), and no step where that run saw none of its inputs. said: `run:<name>` -> probabilities, float32
    (N, C), also of these rows.
    label, gender: int64 (N,), -1 where unknown; gender 0 = F, 1 = M.
    vad: float32 (N, 3) in the corpus's units, NaN where unlabelled.
    parent: int64 (N,), -1 for an original; for an augmented child the index of the original whose copy it is, with one
    modality exchanged. Only train rows have children; they come after all originals.
    """

    utterances: Sequence[str]
    speakers: Sequence[str]
    inputs: dict[str, Ragged | list]
    label: np.ndarray
    gender: np.ndarray
    vad: np.ndarray
    parent: np.ndarray = field(default=None)  # by default nobody is a child
    said: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        if self.parent is None:
            object.__setattr__(self, "parent", np.full(len(self.utterances), -1, np.int64))

    def __len__(self) -> int:
        return len(self.utterances)

    def present(self) -> np.ndarray:
        """Has a row any of the inputs? bool (N,)."""
        there = [
            i.lengths > 0 if isinstance(i, Ragged) else [len(item) > 0 for item in i] for i in self.inputs.values()
        ]
        return np.any(np.array(there, bool).reshape(len(there), len(self)), axis=0)

    def only(self, name: str) -> "Rows":
        """The same rows with one input alone."""
        return replace(self, inputs={name: self.inputs[name]})

    def take(self, rows: np.ndarray) -> "Rows":
        """The rows of these numbers, in this order. A child needs its original among them."""
        rows = np.asarray(rows, np.int64)
        place = {old: new for new, old in enumerate(rows.tolist())}
        return Rows(
            utterances=[self.utterances[i] for i in rows],
            speakers=[self.speakers[i] for i in rows],
            inputs={name: _taken(items, rows) for name, items in self.inputs.items()},
            label=self.label[rows],
            gender=self.gender[rows],
            vad=self.vad[rows],
            parent=np.array([place[i] if i >= 0 else -1 for i in self.parent[rows].tolist()], np.int64),
            said={name: values[rows] for name, values in self.said.items()},
        )

    def hiding(self, names: Collection[str]) -> "Rows":
        """The same rows, none of which has an input of these names: a model sees that they are missing."""
        inputs = {name: _emptied(items) if name in names else items for name, items in self.inputs.items()}
        return replace(self, inputs=inputs, said={k: v for k, v in self.said.items() if k not in names})


def _taken(items: Ragged | list, rows: np.ndarray) -> Ragged | list:
    found = [items[i] for i in rows]
    return stack(found, [items]) if isinstance(items, Ragged) else found


def _emptied(items: Ragged | list) -> Ragged | list:
    if isinstance(items, Ragged):
        return Ragged(items.values[:0], np.zeros(len(items) + 1, np.int64))
    return [item[:0] for item in items]


@dataclass(frozen=True)
class Fold:
    """One fold of a protocol: class names (label k is classes[k]) and three splits.

    about: input -> what its sidecars say of it: `holds` and `rate`, see emospace.core.sidecars.about.
    """

    classes: Sequence[str]
    train: Rows
    dev: Rows
    test: Rows
    about: dict[str, dict] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """A trained model, whole: `apply` needs nothing else.

    state: arrays, stored as model.safetensors. classes: those of the fold. history: numbers, one dict per epoch (or per
    candidate tried), columns alike and free; of the first column the report marks the value that the fact of that name
    has, and it draws train_loss, dev_loss and dev_ua (unweighted accuracy on dev). facts: what was chosen, on which
    grounds (JSON); goes into run.json. checkpoints: further states by the names that the model declares.
    """

    state: dict[str, np.ndarray]
    classes: Sequence[str]
    history: list[dict] = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    checkpoints: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """What a model says of N rows.

    probabilities: float32 (N, C), rows sum to 1. embeddings: float32 (N, E) of the unified space, or None. gender:
    float32 (N, 2), probabilities of F and M, or None. dimensions: float32 (N, 3), valence, arousal and dominance in the
    corpus's units, or None; a dimension that the model does not predict is NaN in all rows. extras: ragged arrays per
    row, for the names that the model declares.
    """

    probabilities: np.ndarray
    embeddings: np.ndarray | None = None
    gender: np.ndarray | None = None
    dimensions: np.ndarray | None = None
    extras: dict[str, Ragged] = field(default_factory=dict)
