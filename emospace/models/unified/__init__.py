"""The unified emotion space: a multitask contrastive autoencoder over any subset of modalities (docs/model.md).

Each input has two paths into one space, whose first axes are the emotions: a learnt encoder, trained on its own scores,
and the shrinkage LDA of its statistics over time. The point of an utterance is the weighted sum over the paths
of the inputs that it has; the few weights are fitted on dev, so the space is not worse than the probes that it holds.
Its direction is the embedding. Further heads predict gender and valence/arousal/dominance, and decoders reconstruct a
summary of each input (targets detached). A label-aware contrastive loss and cross-modal InfoNCE shape the space.
InfoNCE excludes false negatives: utterances of one sentence, and the inputs that an augmented child shares with its
parent. Modality dropout in training lets any subset of the inputs serve at test time.
"""

import copy
import math
from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Decay, Natural, NotNegative, Optimiser, Positive, Share
from emospace.core.store import Ragged
from emospace.training.recall import mean_recall

INPUTS = ("feature", "run")
GPU = True
SUBSETS = True
EMBEDDINGS = True
# Median number of steps from which an input is a sequence. MFCC are one much earlier than the states of a network,
# whose steps have context already: of eight steps, the convolutions leave two, and a tail of the linear paths has one.
CEPSTRAL, LONG = 8, 32
SCORED = 256  # rows per batch at inference


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    width: Count = 96,
    embedding: Count = 128,
    recurrent: Natural = 48,
    linear: bool = True,
    dropout: Share = 0.3,
    modality_dropout: Share = 0.2,
    distortion: NotNegative = 1.0,
    vocal_tract: Share = 0.1,
    label_smoothing: Share = 0.2,
    gender: NotNegative = 0.2,
    vad: NotNegative = 0.1,
    reconstruction: NotNegative = 0.1,
    contrastive: NotNegative = 0.3,
    alignment: NotNegative = 0.1,
    children: NotNegative = 0.1,
    epochs: Count = 24,
    patience: Natural = 20,
    batch: Count | None = None,
    lr: Positive = 2e-3,
    weight_decay: NotNegative = 0.05,
    optimiser: Optimiser = "adamw",
    warmup: Share = 0.15,
    decay: Decay = "cosine",
    average: Share = 0.97,
    clip: NotNegative = 2.0,
    watch: Literal["dev_ua", "dev_loss"] = "dev_ua",
    keep: Literal["best", "last"] = "last",
    save_every: Count = 1,
    max_steps: Count = 1024,
) -> Trained:
    """Train on fold.train; shrinkages and the weights of the paths are chosen on fold.dev.

    By default the last epoch is kept: the weights guard against learnt paths that are too short or too long in
    training. With keep "best", the epoch is selected by `watch` (dev_ua: UA, mean class recall). linear: use the linear
    paths. width: channels of the encoders; recurrent: units of the GRU for MFCC, per direction (0: no GRU); embedding:
    size of the space; distortion: strength of the noise: tempo, level and masks for MFCC, a random offset per utterance
    for other inputs (0: none); vocal_tract: largest random change of the speaker's vocal tract length in MFCC inputs
    (0.1: 10 %). gender, vad (valence, arousal,
    dominance), reconstruction, contrastive, alignment (between modalities), children (augmented children with their
    parents): loss weights, relative to emotion's 1. batch: rows per step, by default 64 or fewer for a small corpus
    (see `batch_size`). optimiser to save_every: see `training.loop.Schedule`. max_steps: sequences are truncated to
    this length.
    """
    import torch

    from emospace.models.unified import unit_space
    from emospace.models.unified.objective import Objective, cepstral_rates
    from emospace.models.unified.pool import fit_weights
    from emospace.models.unified.readout import fit_gender
    from emospace.models.unified.resident import DeviceRows
    from emospace.training.calibration import softmax
    from emospace.training.loop import Schedule, fit

    torch.manual_seed(seed)
    train_set, dev_set = (DeviceRows(r, torch.device(device), max_steps) for r in (fold.train, fold.dev))
    shapes = {name: _shape(store, fold.about.get(name, {})) for name, store in _present(fold)}
    if len(fold.classes) > embedding:
        reason = f"it is {embedding}, and the protocol has {len(fold.classes)} classes, each an axis of the space"
        raise InputError("option embedding", reason, "set a larger one")
    if not shapes:
        raise InputError("unified", "none of the run's inputs has data in train", "see data/quality")
    network = unit_space.Space(shapes, len(fold.classes), width, embedding, recurrent, dropout).to(device)
    network.fit_scales(train_set)
    shrinkages = unit_space.fit_linear(network, train_set, dev_set) if linear else {}
    averaged = copy.deepcopy(network).eval()
    weights = {"gender": gender, "vad": vad, "reconstruction": reconstruction}
    weights |= {"contrastive": contrastive, "alignment": alignment, "children": children}
    objective = Objective(
        network,
        train_set,
        weights,
        label_smoothing=label_smoothing,
        modality_dropout=modality_dropout,
        distortion=distortion,
        vocal_tract=vocal_tract,
        rates=cepstral_rates(fold.about),
    )
    originals = int((fold.train.parent < 0).sum())
    size = batch_size(batch, originals)
    steps = {"optimiser": optimiser, "warmup": warmup, "decay": decay, "average": average, "clip": clip}
    schedule = Schedule(
        epochs, patience, size, lr, weight_decay, **steps, watch=watch, keep=keep, save_every=save_every
    )

    def scores(candidate) -> dict[str, float]:
        paths = unit_space.predict(candidate, dev_set, SCORED).scores
        weights = fit_weights(paths, fold.dev.label)
        return dev_scores(fold.dev.label, softmax(np.einsum("npk,p->nk", paths, weights)))

    state = fit(network, averaged, originals, objective, scores, schedule, checkpoint)
    averaged.load_state_dict(state.best)
    fit_gender(averaged, train_set, SCORED)
    unit_space.fit_pool(averaged, dev_set, SCORED, gender=linear)
    chosen = state.history[state.chosen - 1]
    sizes = {"width": width, "embedding": embedding, "recurrent": recurrent, "dropout": dropout}
    return Trained(
        state={k: v.cpu().numpy() for k, v in averaged.state_dict().items()},
        classes=fold.classes,
        history=state.history,
        facts={
            "epoch": chosen["epoch"],
            "dev_ua": chosen["dev_ua"] if np.isfinite(chosen["dev_ua"]) else None,
            "batch": size,
            "shrinkages": shrinkages,
            "layer_weights": averaged.layer_weights(),
            "path_weights": dict(zip(network.path_names, averaged.weights[-1].tolist(), strict=True)),
            "parameters": sum(p.numel() for p in network.parameters()),
            "device": device,
            "dtype": "bfloat16 autocast" if device == "cuda" else "float32",
            "architecture": {"shapes": shapes, "classes": len(fold.classes), **sizes},
            "max_steps": max_steps,
            "dimensions": [
                bool(vad) and bool(rated) for rated in (~np.isnan(fold.train.vad)).any(0)
            ],  # which were trained
        },
    )


def _shape(store: Ragged, about: dict) -> tuple[int, str, int]:
    """Dimensions, form and layers of an input, see `encoder.Shape`, from its length and from its sidecars."""
    steps = np.median(store.lengths[store.lengths > 0])
    cepstral = about.get("holds") == "cepstral" and steps >= CEPSTRAL
    form = "cepstral" if cepstral else "sequence" if steps >= LONG else ""
    return store.values.shape[1], form, about.get("layers", 1)


def _present(fold: Fold):
    """Yield (name, store) of each input with data in train. One without gets no encoder and counts as missing."""
    for name, ragged in fold.train.inputs.items():
        if isinstance(ragged, list):
            raise InputError(f"input {name}", "unified reads features, not strings", "give it an encoded feature")
        if len(ragged.values):
            yield name, ragged


def batch_size(batch: int | None, rows: int) -> int:
    """Rows per step: `batch`, by default 64, fewer if an epoch would have under ten steps (16 at least, if present).

    Raises InputError if `batch` exceeds the number of train rows.
    """
    if batch and batch > rows:
        reason = f"it is {batch}, and the fold has {rows} train rows"
        raise InputError("option batch", reason, "set a smaller one, or omit it")
    return batch or min(64, max(16, rows // 10), rows)


def dev_scores(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """UA (mean class recall) and log loss over the labelled rows (truth (N,) >= 0); NaN if there are none."""
    known = truth >= 0
    if not known.any():
        return {"dev_ua": math.nan, "dev_loss": math.nan}
    likelihood = probabilities[known, truth[known]].astype(np.float64)
    loss = float(-np.log(np.maximum(likelihood, 1e-12)).mean())
    return {"dev_ua": mean_recall(truth[known], probabilities[known].argmax(1)), "dev_loss": loss}


def apply(trained: Trained, rows: Rows, *, device: str = "cpu") -> Output:
    """Predict emotion, embeddings, gender and the VAD dimensions rated in train, from any subset of the inputs."""
    import torch

    from emospace.models.unified import unit_space
    from emospace.models.unified.resident import DeviceRows

    facts = trained.facts
    network = unit_space.Space(**facts["architecture"])
    if lacking := [name for name in network.names if name not in rows.inputs]:
        raise InputError("unified", f"the rows lack the input {lacking[0]!r}", "supply it, empty for rows without it")
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in trained.state.items()})
    resident = DeviceRows(rows, torch.device(device), facts["max_steps"])
    predicted = unit_space.predict(network.to(device).eval(), resident, SCORED)
    vad = np.where(facts["dimensions"], predicted.vad, np.float32(np.nan)) if any(facts["dimensions"]) else None
    return Output(predicted.emotion, predicted.embedding, predicted.gender, vad)
