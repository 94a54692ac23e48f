"""Does a copy still carry its parent's label? Asks a probe that knows train rows of the fold, and no other.

The probe is the linear baseline (pooled features, logistic regression) on the parents' features. It must not have met
a copy's own parent, or it would recognise what it was told: so it is cross-fitted inside train, by groups of speakers,
and each copy is judged by the one that knows none of its speaker's rows. Copies are scaled by the mean and deviation of
the copies, which takes no label: else a synthetic voice as such would look like some emotion, and whole classes fail.
On RAVDESS, said again by espeak-ng with the parent's prosody, agreement is 0.16 on average and with flat prosody 0.13,
which is chance (8 classes); of the recordings themselves it is 0.24.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from emospace.core.data import Rows
from emospace.core.store import Ragged, stack
from emospace.models.linear_probe import pooled
from emospace.protocols.fold_tables import read_train
from emospace.runs.folds import place_of, read_fold

GROUPS = 5  # of speakers
STRENGTH = 0.01  # inverse strength of regularisation; a candidate of the linear baseline, weak enough for other voices
PACKAGES = ("scikit-learn", "numpy")


def agreements(
    table: Path, protocol: Path, parents: Sequence[Path], children: Sequence[Path]
) -> dict[str, float | None]:
    """Probability of the parent's label, for the copy of each train row of a fold; None where it cannot be told.

    table: the fold; protocol: its sidecar; parents, children: stores of all parts. Only train rows of `children` are
    read. It cannot be told for rows without either, or where all train rows are of one speaker.
    """
    train = read_fold(table, protocol, {"feature": parents}).train
    copies = replace(train, inputs={"feature": _train_rows(table, children)})
    found = cross_fitted(train, copies)
    return {u: None if np.isnan(p) else float(p) for u, p in zip(train.utterances, found, strict=True)}


def _train_rows(table: Path, files: Sequence[Path]) -> Ragged:
    """The train rows of a fold out of the stores of all parts, in the order of the table."""
    stores = {place_of(file): Ragged.open(file) for file in map(Path, files)}
    rows = [stores[line["corpus"], line["part"]][int(line["row"])] for line in read_train(table, copies=True)]
    return stack(rows, list(stores.values()))


def cross_fitted(train: Rows, copies: Rows) -> np.ndarray:
    """Probability of `train.label` by the copies' features, float64 (N,), NaN where there is no judge or no copy.

    Row i of `copies` is the copy of row i of `train`; both have one input.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.preprocessing import StandardScaler

    found = np.full(len(train), np.nan)
    known, copied = (next(iter(rows.inputs.values())).lengths > 0 for rows in (train, copies))
    speakers = np.array(train.speakers)
    if len(set(speakers[known])) < 2 or not copied.any():
        logging.warning("copies of a single speaker, or none: nobody can say if they carry their labels")
        return found
    table, asked = pooled(train), pooled(copies)
    asked = StandardScaler().fit(asked[copied]).transform(asked)
    folds = GroupKFold(min(GROUPS, len(set(speakers))))
    for seen, unseen in folds.split(table, train.label, speakers):
        seen, unseen = seen[known[seen]], unseen[(known & copied)[unseen]]
        if len(set(train.label[seen])) > 1 and len(unseen):
            scaler, model = StandardScaler(), LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000)
            model.fit(scaler.fit_transform(table[seen]), train.label[seen])
            found[unseen] = _chance(model, asked[unseen], train.label[unseen])
    return found


def _chance(model, table: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Probability that a model gives each row's own label, (N,); NaN for a label it has never met."""
    everything = np.full((len(table), max(label.max(), model.classes_.max()) + 1), np.nan)
    everything[:, model.classes_] = model.predict_proba(table)
    return everything[np.arange(len(table)), label]
