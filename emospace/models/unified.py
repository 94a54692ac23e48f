"""The unified emotion space: a multitask contrastive autoencoder over whatever modalities an utterance has.

One masked encoder per modality places it as a unit vector in one space; a gated mean of the modalities present is
the fused embedding. Heads read emotion, gender and valence/arousal/dominance from it, decoders reconstruct a summary
of every modality's input (targets detached), a label-aware contrastive loss and cross-modal InfoNCE shape the space.
Where utterances share a sentence, or a copy what its parent has, InfoNCE counts none of their pairs as a negative.
Dropping modalities at random in training lets any subset serve at test time.
"""

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from emospace.data import Fold, Rows, Trained
from emospace.errors import InputError
from emospace.kinds import Count, Decay, Natural, NotNegative, Optimiser, Positive, Share

DETERMINISTIC = False
GPU = True
LONG = 32  # steps: an input with a longer median is a sequence (convolutions), a shorter one a set of vectors
SCORED = 256  # rows per batch when nothing is learnt


def train(
    fold: Fold,
    *,
    seed: int,
    checkpoint: Path,
    parents: dict[str, Path],
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

    from emospace.models import _objective, _space
    from emospace.models._resident import Resident
    from emospace.training import Schedule, fit

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    train_set, dev_set, test_set = (Resident(r, device, max_steps) for r in (fold.train, fold.dev, fold.test))
    shapes = {n: (i.values.shape[1], bool(np.median(i.lengths[i.lengths > 0]) >= LONG)) for n, i in _present(fold)}
    if not shapes:
        raise InputError("unified", "none of the run's inputs has any data in train", "see data/quality")
    network = _space.Space(shapes, len(fold.classes), width, embedding, recurrent, dropout).to(device)
    network.fit_scales(train_set)
    smoothed = copy.deepcopy(network).eval()
    weights = {"gender": gender, "dimensions": dimensions, "reconstruction": reconstruction}
    weights |= {"contrastive": contrastive, "alignment": alignment, "children": children}
    noise = {"smoothing": label_smoothing, "drop": modality_dropout, "augment": distortion, "voices": vocal_tract}
    rates = _objective.cepstral(fold.about)
    objective = _objective.Objective(network, train_set, weights, **noise, rates=rates)
    originals = int((fold.train.parent < 0).sum())
    size = batch_size(batch, originals)
    how = {"optimiser": optimiser, "warmup": warmup, "decay": decay, "average": average, "clip": clip}
    schedule = Schedule(epochs, patience, size, lr, weight_decay, **how, watch=watch, keep=keep, save_every=save_every)

    def scores(candidate) -> dict[str, float]:
        return dev_scores(fold.dev.label, _space.predict(candidate, dev_set, SCORED).emotion)

    state = fit(network, smoothed, originals, objective, scores, schedule, checkpoint)
    smoothed.load_state_dict(state.best)
    found = [_space.predict(smoothed, rows, SCORED) for rows in (dev_set, test_set)]
    chosen = state.history[state.chosen - 1]
    sizes = {"width": width, "embedding": embedding, "recurrent": recurrent, "dropout": dropout}
    return Trained(
        state={k: v.cpu().numpy() for k, v in state.best.items()},
        history=state.history,
        probabilities=np.concatenate([f.emotion for f in found]),
        embeddings=np.concatenate([f.embedding for f in found]),
        gender=np.concatenate([f.gender for f in found]),
        facts={
            "epoch": chosen["epoch"],
            "dev_ua": chosen["dev_ua"] if np.isfinite(chosen["dev_ua"]) else None,
            "batch": size,
            "parameters": sum(p.numel() for p in network.parameters()),
            "device": device.type,
            "dtype": "bfloat16 autocast" if device.type == "cuda" else "float32",
            "architecture": {"shapes": shapes, "classes": len(fold.classes), **sizes},
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


def predict_subset(folder: Path, rows: Rows, keep: Sequence[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (N, C) and fused embeddings (N, E) of a stored run for any rows, from a subset of its inputs.

    folder: a run's result folder; keep: names of the inputs that may be used, all by default.
    """
    import torch
    from safetensors.torch import load_file

    from emospace.models import _space
    from emospace.models._resident import Resident
    from emospace.provenance import read_json

    architecture = read_json(folder / "run.json")["facts"]["architecture"]
    unknown = set(keep or ()) - set(architecture["shapes"])
    if unknown:
        known = ", ".join(architecture["shapes"])
        raise InputError(folder, f"the model has no input {min(unknown)!r}", f"it has {known}")
    network = _space.Space(**architecture)
    network.load_state_dict(load_file(folder / "model.safetensors"))
    found = _space.predict(network.eval(), Resident(rows, torch.device("cpu")), SCORED, keep)
    return found.emotion, found.embedding
