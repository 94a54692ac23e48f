"""What a model sees of a fold: features, and labels of train and dev rows only."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from emospace.store import Ragged

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Rows:
    """N utterances of one split. Test rows have label -1, gender -1 and VAD NaN: nobody can learn from them.

    inputs: name -> Ragged (row i: (T_i, D), T_i = 0 where missing) or, for text views, a list of N strings.
    label, gender: int64 (N,), -1 where unknown; gender 0 = F, 1 = M.
    vad: float32 (N, 3) in the corpus's units, NaN where unlabelled.
    parent: int64 (N,), -1 for an original; for an augmented child the index of the original whose copy it is, with one
    modality exchanged. Only train rows have children; they come after all originals.
    """

    utterances: Sequence[str]
    speakers: Sequence[str]
    inputs: dict[str, Ragged | list[str]]
    label: np.ndarray
    gender: np.ndarray
    vad: np.ndarray
    parent: np.ndarray = field(default=None)  # by default nobody is a child

    def __post_init__(self):
        if self.parent is None:
            object.__setattr__(self, "parent", np.full(len(self.utterances), -1, np.int64))

    def __len__(self) -> int:
        return len(self.utterances)


@dataclass(frozen=True)
class Fold:
    """One fold of a protocol: class names (label k is classes[k]) and three splits.

    about: input -> what its sidecars say of it: `holds` and `rate`, see emospace.inputs.about.
    """

    classes: Sequence[str]
    train: Rows
    dev: Rows
    test: Rows
    about: dict[str, dict] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """What training returns.

    state: arrays to store as model.safetensors. history: one dict per epoch (or per candidate tried), columns alike.
    probabilities: float32 (n_dev + n_test, C), dev rows first, rows sum to 1.
    embeddings: float32 (n_dev + n_test, E) of the unified space, or None. gender:
    float32 (n_dev + n_test, 2), probabilities of F and M, or None. facts: what was chosen, on which grounds
    (JSON-able); goes into run.json.
    """

    state: dict[str, np.ndarray]
    history: list[dict]
    probabilities: np.ndarray
    embeddings: np.ndarray | None = None
    gender: np.ndarray | None = None
    facts: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """What a model says of N rows.

    probabilities: float32 (N, C), rows sum to 1. embeddings: float32 (N, E) of the unified space, or None. gender:
    float32 (N, 2), probabilities of F and M, or None. dimensions: float32 (N, 3), valence, arousal and dominance in the
    corpus's units, or None. extras: ragged arrays per row, for the names that the model declares.
    """

    probabilities: np.ndarray
    embeddings: np.ndarray | None = None
    gender: np.ndarray | None = None
    dimensions: np.ndarray | None = None
    extras: dict[str, Ragged] = field(default_factory=dict)
