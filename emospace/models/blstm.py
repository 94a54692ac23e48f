"""Unimodal network of multi-level attention: two bidirectional LSTM layers over the steps of one feature, pooled.

The extra `hidden` is the pooled vector; with `pool: attention`, the extra `attention` has the weight of each step.
`blstm_fusion` starts from the weights of two such runs.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Natural, NotNegative, Positive

GPU = True
Pool = Literal["last", "cls", "average", "attention"]


def extras(*, pool: Pool = "attention", **options) -> list[str]:
    """The pooled vector, and the weights of the steps if there is attention."""
    return ["hidden", *(["attention"] if pool == "attention" else [])]


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    pool: Pool = "attention",
    hidden: Count = 128,
    layers: Count = 2,
    attention: Count = 64,
    lr: Positive = 1e-4,
    weight_decay: NotNegative = 0.0,
    batch: Count = 32,
    epochs: Count = 15,
    patience: Natural = 15,
) -> Trained:
    """Train with Adam; keep the epoch with the best accuracy on dev. Steps are standardised by those of train rows.

    pool: of the states, "last" (the last step), "cls" (the first step of an input of words, [CLS]), "average", or
    "attention", tanh(W x) v with a softmax over the steps. hidden: size of each direction. attention: size of W x.
    batch: rows per step, or all if there are fewer. Raises InputError unless there is one feature, of words for "cls".
    """
    import torch

    from emospace.models import _blstm, _classifier

    torch.manual_seed(seed)
    name = _input(fold, pool)
    rows = _classifier.usable(fold.train, "blstm")
    store = rows.inputs[name]
    facts = {"input": name, "size": int(np.prod(store.values.shape[1:])), "pool": pool}
    facts |= {"hidden": hidden, "layers": layers, "attention": attention}
    network = _network(len(fold.classes), facts)
    network.encoder.fit_scale(store.values)
    pace = _classifier.Pace(epochs, patience, batch, lr, weight_decay)
    stored, state, more = _classifier.trained(
        network, lambda side: _blstm.Sequences(side, [name]), fold, rows, pace, checkpoint, device
    )
    return Trained(stored, fold.classes, state.history, more | facts)


def apply(trained: Trained, rows: Rows, *, device: str = "cpu") -> Output:
    """Class probabilities, the pooled vector (zero for a missing row), and the weight of each step."""
    from emospace.models import _blstm, _classifier

    name, facts = trained.facts["input"], trained.facts
    network = _network(len(trained.classes), facts)
    output = _classifier.applied(
        network, lambda side: _blstm.Sequences(side, [name]), trained.state, rows, 2 * facts["hidden"], device
    )
    return _blstm.completed(output, {"attention": 1} if facts["pool"] == "attention" else {})


def _input(fold: Fold, pool: Pool) -> str:
    """Name of the only input. Raises InputError for several inputs, and for "cls" without words."""
    if len(fold.train.inputs) != 1:
        raise InputError("blstm", f"it has {len(fold.train.inputs)} inputs", "give it one feature, or use blstm_fusion")
    name = next(iter(fold.train.inputs))
    if pool == "cls" and fold.about.get(name, {}).get("holds") != "words":
        raise InputError(f"input {name}", "its first step is not [CLS]", "use another pool, or a feature of words")
    return name


def _network(classes: int, facts: dict):
    from emospace.models import _blstm

    return _blstm.Unimodal(classes, facts["input"], _blstm.encoder_of(facts))
