"""Multi-level attention: two trained `blstm` networks, one of sound and one of words, fused and trained further.

Inputs: the two features and the weights of the runs that were trained on them,
`inputs: [audio.compare, words.hf_words, run:acoustic.weights, run:lexical.weights]`. `fusion: concatenate` (MM-B) joins
the pooled vectors; its output layer starts as the sum of both heads. `fusion: gated` (MMMLA) applies a gated multimodal
unit; the extra `gate` is the share of the acoustic side in each dimension.
"""

from pathlib import Path
from typing import Literal

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Natural, NotNegative, Positive

INPUTS = ("feature", "weights")
GPU = True
SUBSETS = True
SIDES = ("acoustic", "lexical")
Fusion = Literal["gated", "concatenate"]
REMEDY = "list two features and the weights of a blstm on each: run:<name>.weights"


def extras(*, fusion: Fusion = "gated", **options) -> list[str]:
    """The fused vector; with a gate, its values and the weight of each step of both inputs."""
    return ["hidden", *(["gate", "acoustic_attention", "lexical_attention"] if fusion == "gated" else [])]


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    fusion: Fusion = "gated",
    size: Count = 128,
    lr: Positive = 1e-4,
    weight_decay: NotNegative = 0.0,
    batch: Count = 32,
    epochs: Count = 2,
    patience: Natural = 15,
) -> Trained:
    """Train all weights with Adam from those of the parents; keep the epoch with the best accuracy on dev.

    size: of the gated unit. batch: rows per step, or all if there are fewer. A row may lack one of the inputs. Raises
    InputError unless there is one input of words, one other, and a parent for each, with attention if there is a gate.
    """
    import torch

    from emospace.models import _blstm, _classifier

    torch.manual_seed(seed)
    parents = _parents(fold, fusion)
    rows = _classifier.usable(fold.train, "blstm_fusion")
    facts = {"encoders": [parent.facts for parent in parents], "gated": size if fusion == "gated" else 0}
    network = _network(len(fold.classes), facts)
    for encoder, parent in zip(network.encoders, parents, strict=True):
        encoder.load_state_dict(_tensors(parent.state, "network.encoder."))
    if fusion == "concatenate":
        _join_heads(network.out, [_tensors(parent.state, "network.out.") for parent in parents])
    pace = _classifier.Pace(epochs, patience, batch, lr, weight_decay)
    stored, state, more = _classifier.trained(
        network, lambda side: _blstm.Sequences(side, network.names), fold, rows, pace, checkpoint, device
    )
    return Trained(stored, fold.classes, state.history, more | facts)


def apply(trained: Trained, rows: Rows, *, device: str = "cpu") -> Output:
    """Class probabilities, the fused vector, and with a gate the gate and the weights of steps."""
    from emospace.models import _blstm, _classifier

    facts = trained.facts
    network = _network(len(trained.classes), facts)
    output = _classifier.applied(
        network,
        lambda side: _blstm.Sequences(side, network.names),
        trained.state,
        rows,
        network.out.in_features,
        device,
    )
    widths = {"gate": facts["gated"], "acoustic_attention": 1, "lexical_attention": 1}
    return _blstm.completed(output, widths if facts["gated"] else {})


def _parents(fold: Fold, fusion: Fusion) -> list[Trained]:
    """The trained models of the acoustic and of the lexical input. Raises InputError unless there is one of each."""
    words = {name: fold.about.get(name, {}).get("holds") == "words" for name in fold.train.inputs}
    if sorted(words.values()) != [False, True]:
        reason = f"its inputs {', '.join(words)} are not one of words and one other"
        raise InputError("blstm_fusion", reason, REMEDY)
    by_input = {parent.facts.get("input"): (name, parent) for name, parent in fold.parents.items()}
    chosen = []
    for feature in sorted(words, key=words.get):
        if feature not in by_input:
            raise InputError(f"input {feature}", "no parent is a blstm that was trained on it", REMEDY)
        name, parent = by_input[feature]
        if fusion == "gated" and parent.facts["pool"] != "attention":
            reason = f"its pool is {parent.facts['pool']!r}, but a gated fusion reports attention"
            raise InputError(f"input {name}", reason, "name a run with `pool: attention`, or set `fusion: concatenate`")
        chosen.append(parent)
    return chosen


def _network(classes: int, facts: dict):
    from emospace.models import _blstm

    encoders = [_blstm.encoder_of(one) for one in facts["encoders"]]
    return _blstm.Fusion(classes, [one["input"] for one in facts["encoders"]], encoders, facts["gated"])


def _tensors(state: dict, prefix: str) -> dict:
    """The tensors of a part of a state."""
    import torch

    from emospace.models import _table

    return {name: torch.from_numpy(value.copy()) for name, value in _table.part(prefix.rstrip("."), state).items()}


def _join_heads(out, heads: list[dict]) -> None:
    """Set the output layer so that its logits are the sum of those of both heads."""
    import torch

    with torch.no_grad():
        out.weight.copy_(torch.cat([head["weight"] for head in heads], dim=1))
        out.bias.copy_(sum(head["bias"] for head in heads))
