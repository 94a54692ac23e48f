"""The unified space of cross_modal_emotion_recognition, as published (docs/systems.md).

A bidirectional LSTM reads each sequence (MFCC, embeddings of frames); the mean of its states over time, and a vector
such as the embedding of the text, unchanged, are concatenated: 2,304 values for three inputs of 768. Two layers reduce
them to the embedding, from which five heads predict emotion and gender and reconstruct the three inputs. The loss is
the sum over the rows of five terms for the original and five for its augmented copy, plus one contrastive term.

A missing input is a vector of zeros and is not reconstructed. The extra `before` is the embedding by the untrained
network, whose weights follow from the seed.
"""

import copy
import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, NotNegative, Positive, Precision, Share
from emospace.core.store import Ragged

if TYPE_CHECKING:
    import torch

    from emospace.models._cross_modal import CrossModal, Objective
    from emospace.models.unified.resident import DeviceRows

GPU = True
SUBSETS = True
EMBEDDINGS = True
DEV_CHILDREN = True
BEFORE = "before"
SCORED = 256  # rows per batch at inference
WHOLE = 1 << 40  # steps: no sequence is cut


def extras(**options) -> list[str]:
    """Name of the embedding by the untrained network."""
    return [BEFORE]


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    recurrent: Count = 384,
    hidden: Count = 2000,
    embedding: Count = 1000,
    dropout: Share = 0.4,
    gender: NotNegative = 1.0,
    reconstruction: NotNegative = 1.0,
    contrastive: NotNegative = 1.0,
    augmented: NotNegative = 1.0,
    margin: Positive = 0.1,
    detach: bool = False,
    lr: Positive = 0.002,
    factor: Share = 0.9,
    wait: Count = 5,
    batch: Count = 500,
    epochs: Count = 70,
    keep: Literal["best", "last"] = "last",
    precision: Precision = "fp32",
) -> Trained:
    """Train with Adam; after `wait` epochs without a lower dev loss, the rate is multiplied by `factor`.

    recurrent: units of an LSTM per direction. gender, reconstruction, contrastive, augmented (the terms of copies):
    weights in the loss. detach: no gradient through the targets of the reconstruction, which are outputs of the LSTMs:
    as published, they may shrink to make their own reconstruction easy. batch: rows per step, or all if there are
    fewer. keep: the last epoch, or the one with the best accuracy on dev. precision: of the factors in matrix products,
    fp32, bf16, or auto (bf16 where the hardware multiplies it faster). Raises InputError if no input has data, and for
    bf16 on a CPU without it.
    """
    import torch

    from emospace.core import batching
    from emospace.models._cross_modal import Objective, Terms
    from emospace.models.unified.resident import DeviceRows
    from emospace.training.loop import Schedule, fit
    from emospace.training.rates import Plateau

    architecture = {"shapes": _shapes(fold.train), "classes": len(fold.classes), "recurrent": recurrent}
    architecture |= {"hidden": hidden, "embedding": embedding, "dropout": dropout}
    architecture |= {"precision": batching.precision(precision, torch.device(device))}
    _check_precision(architecture, device)
    network = _untrained(architecture, seed).to(device)
    torch.manual_seed(seed)
    weights = {"emotion": 1.0, "gender": gender, "reconstruction": reconstruction}
    terms = Terms(weights | {"contrastive": contrastive, "copies": augmented}, margin, detach)
    names = list(network.sizes)
    sides = [Objective(DeviceRows(r, torch.device(device), WHOLE), names, terms) for r in (fold.train, fold.dev)]
    originals = sides[0].copies.originals
    size = min(batch, originals)
    steady = {"weight_decay": 0.0, "optimiser": "adam", "warmup": 0.0, "decay": "constant", "average": 0.0, "clip": 0.0}
    plateau = Plateau("dev_loss", factor, wait)
    schedule = Schedule(epochs, epochs, size, lr, **steady, watch="dev_accuracy", keep=keep, plateau=plateau)
    state = fit(
        network,
        copy.deepcopy(network).eval(),
        originals,
        lambda numbers: sides[0].losses(sides[0].outputs(network, numbers)),
        lambda candidate: dev_scores(candidate, sides[1], size),
        schedule,
        checkpoint,
    )
    chosen = state.history[state.chosen - 1]
    facts = {name: value if math.isfinite(value) else None for name, value in chosen.items() if "dev_" in name}
    facts |= {"epoch": chosen["epoch"], "batch": size, "copies": int(sides[0].copies.exists.sum()), "seed": seed}
    facts |= {"concatenated": sum(network.sizes.values()), "architecture": architecture}
    facts["parameters"] = sum(p.numel() for p in network.parameters())
    return Trained({k: v.cpu().numpy() for k, v in state.best.items()}, fold.classes, state.history, facts)


def _shapes(rows: Rows) -> dict[str, tuple[int, bool]]:
    """Input -> (dimensions, is it a sequence?), of the inputs with data. A vector has at most one step per row."""
    stores = {name: store for name, store in rows.inputs.items() if len(store.values)}
    if not stores:
        raise InputError("cross_modal", "none of the run's inputs has data in train", "see data/quality")
    return {name: (store.values.shape[1], bool(store.lengths.max() > 1)) for name, store in stores.items()}


def _check_precision(architecture: dict, device: str) -> None:
    """Raise InputError for bf16 on a CPU without it: in training, or in applying a network trained elsewhere."""
    from emospace.core import batching

    if architecture["precision"] == "bf16" and device == "cpu" and not batching.cpu_takes_bf16():
        remedy = "train with precision: auto on this machine, or use a GPU or a CPU with AVX-512"
        raise InputError("option precision", "this CPU cannot compute LSTMs in bf16", remedy)


def _untrained(architecture: dict, seed: int) -> "CrossModal":
    """The network with the weights that this seed draws."""
    import torch

    from emospace.models._cross_modal import CrossModal

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CrossModal(**architecture)


def dev_scores(network: "CrossModal", rows: "Objective", size: int) -> dict[str, float]:
    """Loss per dev row, and accuracies of emotion and gender for originals and for their copies; NaN without rows.

    size: rows per batch, within which the contrastive term is computed.
    """
    import torch

    from emospace.models._cross_modal import split

    loss, right, count = 0.0, np.zeros((2, 2)), np.zeros((2, 2))
    with torch.inference_mode():
        for numbers in split(rows.copies.originals, size):
            sides = rows.outputs(network, numbers)
            loss += float(sum(rows.losses(sides).values()))
            for k, (chosen, output) in enumerate(sides):
                for j, (logits, truth) in enumerate(_answers(rows.rows, chosen, output)):
                    right[k, j] += ((logits.argmax(1) == truth) & (truth >= 0)).sum()
                    count[k, j] += (truth >= 0).sum()
    emotion, gender = np.divide(right, count, out=np.full((2, 2), np.nan), where=count > 0).T.tolist()
    names = [f"dev_{name}accuracy{suffix}" for name in ("", "gender_") for suffix in ("", "_copy")]
    originals = rows.copies.originals
    loss = loss / originals if originals else math.nan
    return {"dev_loss": loss} | dict(zip(names, [*emotion, *gender], strict=True))


def _answers(rows: "DeviceRows", numbers: "torch.Tensor", output) -> list[tuple]:
    """(logits, truth) of emotion and of gender, on the CPU."""
    return [
        (output.emotion.cpu(), rows.host_label[numbers]),
        (output.gender.cpu(), rows.host_gender[numbers]),
    ]


def apply(trained: Trained, rows: Rows, *, device: str = "cpu") -> Output:
    """Predict emotion and gender; embeddings by the trained and by the untrained network. Inputs may be missing."""
    import torch

    from emospace.models._cross_modal import CrossModal

    architecture = trained.facts["architecture"]
    _check_precision(architecture, device)
    network = CrossModal(**architecture)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in trained.state.items()})
    emotion, gender, embedding = _predicted(network, rows, architecture["shapes"], device)
    before = _predicted(_untrained(architecture, trained.facts["seed"]), rows, architecture["shapes"], device)[2]
    return Output(emotion, embedding, gender, extras={BEFORE: Ragged(before, np.arange(len(rows) + 1))})


def _predicted(network: "CrossModal", rows: Rows, shapes: dict, device: str) -> list[np.ndarray]:
    """Probabilities of emotion and of gender, and embeddings, float32."""
    import torch

    from emospace.models._cross_modal import batch_of, split
    from emospace.models.unified.resident import DeviceRows

    _refuse_other_inputs(rows, shapes)
    network.to(device).eval()
    resident = DeviceRows(rows, torch.device(device), WHOLE)
    parts = []
    with torch.inference_mode():
        for numbers in split(len(rows), SCORED):
            output = network(batch_of(resident, dict.fromkeys(network.sizes, numbers)))
            parts.append([output.emotion.softmax(1), output.gender.softmax(1), output.embedding])
    if not parts:
        widths = network.emotion.out_features, 2, network.second.out_features
        return [np.empty((0, width), np.float32) for width in widths]
    return [torch.cat(column).float().cpu().numpy() for column in zip(*parts, strict=True)]


def _refuse_other_inputs(rows: Rows, shapes: dict) -> None:
    """Raise InputError for an input that is absent, or has another width than in training."""
    for name, (dims, _) in shapes.items():
        if name not in rows.inputs:
            raise InputError("cross_modal", f"the rows lack the input {name!r}", "supply it, empty for rows without it")
        values = rows.inputs[name].values
        if len(values) and values.shape[1] != dims:
            reason = f"it has {values.shape[1]} columns, but the model was trained on {dims}"
            raise InputError(f"input {name}", reason, "give it the feature that the run was trained on")
