"""Assign actors to folds, balanced by sex and, as far as actors allow, by class."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from emospace.core.manifest import Utterance

GAIN = 1.0  # minimum gain of a swap in chi-squared; with less, one lost clip could reshuffle the actors
PASSES = 100  # limit on passes over all actors; each swap improves the balance, so a few suffice


def deal(rows: Sequence[Utterance], folds: int) -> dict[str, int]:
    """Fold of each actor. The `label` of a row is its class.

    Actors, ordered by gender and name, are dealt in turn, so that folds differ by at most one actor in total and per
    gender. Then actors of one gender are swapped as long as that balances the classes. The order of rows has no effect.
    """
    gender: dict[str, str] = {}
    for row in rows:
        gender[row.speaker] = min(row.gender, gender.get(row.speaker, row.gender))
    names = sorted(gender, key=lambda name: (gender[name], name))
    fold_of = np.arange(len(names)) % folds
    _swap(fold_of, _counts(rows, names), np.array([gender[name] for name in names]), folds)
    return dict(zip(names, fold_of.tolist(), strict=True))


def _counts(rows: Sequence[Utterance], names: Sequence[str]) -> np.ndarray:
    """Number of rows per actor and class, float64 (A, C)."""
    classes = sorted({row.label for row in rows})
    counts = Counter((row.speaker, row.label) for row in rows)
    return np.array([[counts[name, label] for label in classes] for name in names], float)


def _swap(fold_of: np.ndarray, counts: np.ndarray, gender: np.ndarray, folds: int) -> None:
    """Swap pairs of one gender while that lowers the chi-squared statistic of folds against classes.

    fold_of: fold of each actor (A,), modified in place; counts: rows (A, C).
    """
    shares = counts.sum(0) / counts.sum()
    table = np.array([counts[fold_of == fold].sum(0) for fold in range(folds)])
    for _ in range(PASSES):
        before = fold_of.copy()
        for one in range(len(fold_of)):
            gains = _gains(one, fold_of, counts, table, shares)
            gains[(gender != gender[one]) | (fold_of == fold_of[one])] = 0
            if gains[other := int(np.argmax(gains))] > GAIN:
                table[[fold_of[one], fold_of[other]]] += np.array([[1], [-1]]) * (counts[other] - counts[one])
                fold_of[[one, other]] = fold_of[[other, one]]
        if (fold_of == before).all():
            return


def _gains(one: int, fold_of: np.ndarray, counts: np.ndarray, table: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Decrease of the statistic if actor `one` is swapped with each other actor, (A,).

    Rounded, so that the choice between equal swaps does not depend on the summation order of a machine.
    """
    moved = counts - counts[one]
    own, others = table[fold_of[one]], table[fold_of]
    before = _chi_squared(own, shares) + _chi_squared(others, shares)
    return np.round(before - _chi_squared(own + moved, shares) - _chi_squared(others - moved, shares), 6)


def _chi_squared(table: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Contribution of folds with class counts (..., C) to Pearson's chi-squared, given the expected class shares."""
    expected = table.sum(-1, keepdims=True) * shares
    return ((table - expected) ** 2 / expected).sum(-1)
