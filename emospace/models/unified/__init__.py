"""The unified emotion space: a multitask contrastive autoencoder over whatever modalities an utterance has.

One masked encoder per modality places it as a unit vector in one space; a gated mean of the modalities present is
the fused embedding. Heads read emotion, gender and valence/arousal/dominance from it, decoders reconstruct a summary
of every modality's input (targets detached), a label-aware contrastive loss and cross-modal InfoNCE shape the space.
Where utterances share a sentence, or a copy what its parent has, InfoNCE counts none of their pairs as a negative.
Dropping modalities at random in training lets any subset serve at test time.
"""

import copy
import math
from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core.data import Fold, Output, Rows, Trained
from emospace.core.errors import InputError
from emospace.core.option_types import Count, Decay, Natural, NotNegative, Optimiser, Positive, Share

INPUTS = ("feature", "run")
GPU = True
SUBSETS = True
EMBEDDINGS = True
LONG = 32  # steps: an input with a longer median is a sequence (convolutions), a shorter one a set of vectors
SCORED = 256  # rows per batch when nothing is learnt


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    device: str = "cpu",
    width: Count = 96,
    embedding: Count = 128,
    recurrent: Natural = 64,
    dropout: Share = 0.3,
    modality_dropout: Share = 0.2,
    distortion: NotNegative = 1.0,
    vocal_tract: Share = 0.1,
    label_smoothing: Share = 0.1,
    gender: NotNegative = 0.2,
    dimensions: NotNegative = 0.1,
    reconstruction: NotNegative = 0.1,
    contrastive: NotNegative = 0.3,
    alignment: NotNegative = 0.1,
    children: NotNegative = 0.1,
    epochs: Count = 60,
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
    keep: Literal["best", "last"] = "best",
    save_every: Count = 1,
    max_steps: Count = 1024,
) -> Trained:
    """Train on fold.train, choose the epoch on fold.dev by UA (mean class recall) or by `watch`.

    width: channels of sequence encoders; recurrent: units of their GRU per direction (0: none); embedding: dimensions
    of the space; distortion: strength of time, level and masking noise on sequences (0: none); vocal_tract: by how much
    the vocal tract of the speakers of MFCC inputs is made longer or shorter at random (0.1: up to 10 %). gender,
    dimensions (VAD), reconstruction, contrastive, alignment (of modalities), children (of augmented copies with what
    they are copies of): weights of the losses beside emotion's 1. batch: rows per step, by default 64, or fewer for a
    small corpus (see `batch_size`). optimiser to save_every: as in `training.Schedule`. max_steps: longer sequences are
    cut there.
    """
    import torch

    from emospace.models.unified import objective, unit_space
    from emospace.models.unified.readout import fit_gender
    from emospace.models.unified.resident import DeviceRows
    from emospace.training.loop import Schedule, fit

    torch.manual_seed(seed)
    train_set, dev_set = (DeviceRows(r, torch.device(device), max_steps) for r in (fold.train, fold.dev))
    shapes = {n: (i.values.shape[1], bool(np.median(i.lengths[i.lengths > 0]) >= LONG)) for n, i in _present(fold)}
    if not shapes:
        raise InputError("unified", "none of the run's inputs has any data in train", "see data/quality")
    network = unit_space.Space(shapes, len(fold.classes), width, embedding, recurrent, dropout).to(device)
    network.fit_scales(train_set)
    smoothed = copy.deepcopy(network).eval()
    weights = {"gender": gender, "dimensions": dimensions, "reconstruction": reconstruction}
    weights |= {"contrastive": contrastive, "alignment": alignment, "children": children}
    noise = {"smoothing": label_smoothing, "drop": modality_dropout, "augment": distortion, "voices": vocal_tract}
    rates = objective.cepstral(fold.about)
    objective = objective.Objective(network, train_set, weights, **noise, rates=rates)
    originals = int((fold.train.parent < 0).sum())
    size = batch_size(batch, originals)
    how = {"optimiser": optimiser, "warmup": warmup, "decay": decay, "average": average, "clip": clip}
    schedule = Schedule(epochs, patience, size, lr, weight_decay, **how, watch=watch, keep=keep, save_every=save_every)

    def scores(candidate) -> dict[str, float]:
        return dev_scores(fold.dev.label, unit_space.predict(candidate, dev_set, SCORED).emotion)

    state = fit(network, smoothed, originals, objective, scores, schedule, checkpoint)
    smoothed.load_state_dict(state.best)
    fit_gender(smoothed, train_set, SCORED)
    chosen = state.history[state.chosen - 1]
    sizes = {"width": width, "embedding": embedding, "recurrent": recurrent, "dropout": dropout}
    return Trained(
        state={k: v.cpu().numpy() for k, v in smoothed.state_dict().items()},
        classes=fold.classes,
        history=state.history,
        facts={
            "epoch": chosen["epoch"],
            "dev_ua": chosen["dev_ua"] if np.isfinite(chosen["dev_ua"]) else None,
            "batch": size,
            "parameters": sum(p.numel() for p in network.parameters()),
            "device": device,
            "dtype": "bfloat16 autocast" if device == "cuda" else "float32",
            "architecture": {"shapes": shapes, "classes": len(fold.classes), **sizes},
            "max_steps": max_steps,
            "dimensions": [bool(dimensions) and bool(rated) for rated in (~np.isnan(fold.train.vad)).any(0)],  # learnt?
        },
    )


def _present(fold: Fold):
    """Inputs that have any step in train: (name, store). One without is carried as missing, with no encoder."""
    for name, ragged in fold.train.inputs.items():
        if isinstance(ragged, list):
            raise InputError(f"input {name}", "unified reads features, not strings", "give it an encoded feature")
        if len(ragged.values):
            yield name, ragged


def batch_size(wanted: int | None, rows: int) -> int:
    """Rows per step. By default 64, fewer where an epoch would have less than ten steps, but at least 16 if there are.

    Raises InputError for more than there are train rows.
    """
    if wanted and wanted > rows:
        reason = f"it is {wanted}, and the fold has {rows} train rows"
        raise InputError("option batch", reason, "give a smaller one, or leave it out")
    return wanted or min(64, max(16, rows // 10), rows)


def dev_scores(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """UA (mean class recall) and log loss over the rows with a label, truth (N,) >= 0; NaN where there is none."""
    known = truth >= 0
    if not known.any():
        return {"dev_ua": math.nan, "dev_loss": math.nan}
    chance = probabilities[known, truth[known]].astype(np.float64)
    guess = probabilities.argmax(1)
    return {"dev_ua": _mean_recall(truth, guess), "dev_loss": float(-np.log(np.maximum(chance, 1e-12)).mean())}


def _mean_recall(truth: np.ndarray, guess: np.ndarray) -> float:
    """UA: mean recall of the classes that have rows."""
    return float(np.mean([(guess[truth == label] == label).mean() for label in np.unique(truth[truth >= 0])]))


def apply(trained: Trained, rows: Rows, *, device: str = "cpu") -> Output:
    """Probabilities, embeddings, gender, of VAD what some train row had; of rows with any subset of the inputs."""
    import torch

    from emospace.models.unified import unit_space
    from emospace.models.unified.resident import DeviceRows

    facts = trained.facts
    network = unit_space.Space(**facts["architecture"])
    if lacking := [name for name in network.names if name not in rows.inputs]:
        raise InputError("unified", f"the rows lack the input {lacking[0]!r}", "give it, empty where it is missing")
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in trained.state.items()})
    resident = DeviceRows(rows, torch.device(device), facts["max_steps"])
    found = unit_space.predict(network.to(device).eval(), resident, SCORED)
    dimensions = np.where(facts["dimensions"], found.dimensions, np.float32(np.nan))
    return Output(found.emotion, found.embedding, found.gender, dimensions if any(facts["dimensions"]) else None)
