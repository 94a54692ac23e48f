"""Estimate whether a copy still carries its parent's label, with a probe trained on the train rows of the fold.

The probe is the linear baseline (pooled features, logistic regression) on the parents' features. A probe trained on a
copy's own parent would recognise it, so probes are cross-fitted within train by groups of speakers: each copy is scored
by a probe that has no rows of its speaker. Copies are standardised by their own mean and deviation, which needs no
labels; otherwise the character of a synthetic voice would resemble some emotion, and whole classes would fail. On
RAVDESS resynthesised by espeak-ng, the mean agreement is 0.16 with the parent's prosody and 0.13 with flat prosody,
which is chance (8 classes); for the recordings themselves it is 0.24.
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
STRENGTH = 0.01  # C, inverse regularisation strength: a candidate of the linear baseline that transfers to other voices
PACKAGES = ("scikit-learn", "numpy")


def agreements(
    table: Path, protocol: Path, parents: Sequence[Path], children: Sequence[Path]
) -> dict[str, float | None]:
    """Probability of the parent's label for the copy of each train row of a fold; None if undefined.

    table: the fold; protocol: its sidecar; parents, children: stores of all parts. Only train rows of `children` are
    read. The probability is undefined for rows without features of parent or copy, and with a single train speaker.
    """
    train = read_fold(table, protocol, {"feature": parents}).train
    copies = replace(train, inputs={"feature": _train_rows(table, children)})
    agreement = cross_fitted(train, copies)
    return {u: None if np.isnan(p) else float(p) for u, p in zip(train.utterances, agreement, strict=True)}


def _train_rows(table: Path, files: Sequence[Path]) -> Ragged:
    """Train rows of a fold from the stores of all parts, in the order of the table."""
    stores = {place_of(file): Ragged.open(file) for file in map(Path, files)}
    rows = [stores[line["corpus"], line["part"]][int(line["row"])] for line in read_train(table, copies=True)]
    return stack(rows, list(stores.values()))


def cross_fitted(train: Rows, copies: Rows) -> np.ndarray:
    """Probability of `train.label` given the copies' features, float64 (N,); NaN without a probe or a copy.

    Row i of `copies` is the copy of row i of `train`; both have a single input.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.preprocessing import StandardScaler

    agreement = np.full(len(train), np.nan)
    known, copied = (next(iter(rows.inputs.values())).lengths > 0 for rows in (train, copies))
    speakers = np.array(train.speakers)
    if len(set(speakers[known])) < 2 or not copied.any():
        logging.warning("the copies are of one speaker, or there are none: agreement with their labels is undefined")
        return agreement
    parent_table, copy_table = pooled(train), pooled(copies)
    copy_table = StandardScaler().fit(copy_table[copied]).transform(copy_table)
    folds = GroupKFold(min(GROUPS, len(set(speakers))))
    for fitted, scored in folds.split(parent_table, train.label, speakers):
        fitted, scored = fitted[known[fitted]], scored[(known & copied)[scored]]
        if len(set(train.label[fitted])) > 1 and len(scored):
            scaler, model = StandardScaler(), LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000)
            model.fit(scaler.fit_transform(parent_table[fitted]), train.label[fitted])
            agreement[scored] = _likelihood(model, copy_table[scored], train.label[scored])
    return agreement


def _likelihood(model, table: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Predicted probability of each row's own label, (N,); NaN for a label absent from the model's train rows."""
    probabilities = np.full((len(table), max(label.max(), model.classes_.max()) + 1), np.nan)
    probabilities[:, model.classes_] = model.predict_proba(table)
    return probabilities[np.arange(len(table)), label]
