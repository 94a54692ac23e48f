"""Deal actors over folds so that folds are alike in sex and, as far as actors allow, in the shares of classes."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from emospace.core.manifest import Utterance

GAIN = 1.0  # of the statistic; a swap that gains less would let one lost clip deal the actors anew
PASSES = 100  # over all actors; a few suffice, each swap makes the folds more alike


def deal(rows: Sequence[Utterance], folds: int) -> dict[str, int]:
    """Actor -> fold. The `label` of a row is its class.

    Actors, ordered by gender and name, are dealt in turn: sizes of folds differ by at most one, and so do the numbers
    of actors of one gender. Then actors of one gender change places as long as that makes the shares of classes more
    alike. The order of rows makes no difference.
    """
    gender: dict[str, str] = {}
    for row in rows:
        gender[row.speaker] = min(row.gender, gender.get(row.speaker, row.gender))
    names = sorted(gender, key=lambda name: (gender[name], name))
    place = np.arange(len(names)) % folds
    _swap(place, _counts(rows, names), np.array([gender[name] for name in names]), folds)
    return dict(zip(names, place.tolist(), strict=True))


def _counts(rows: Sequence[Utterance], names: Sequence[str]) -> np.ndarray:
    """Rows of each actor and class, float64 (A, C)."""
    classes = sorted({row.label for row in rows})
    found = Counter((row.speaker, row.label) for row in rows)
    return np.array([[found[name, label] for label in classes] for name in names], float)


def _swap(place: np.ndarray, counts: np.ndarray, gender: np.ndarray, folds: int) -> None:
    """Let pairs of one gender change folds while that lowers the chi-squared statistic of folds against classes.

    place: fold of each actor (A,), changed in place; counts: rows (A, C).
    """
    shares = counts.sum(0) / counts.sum()
    table = np.array([counts[place == fold].sum(0) for fold in range(folds)])
    for _ in range(PASSES):
        before = place.copy()
        for one in range(len(place)):
            gains = _gains(one, place, counts, table, shares)
            gains[(gender != gender[one]) | (place == place[one])] = 0
            if gains[other := int(np.argmax(gains))] > GAIN:
                table[[place[one], place[other]]] += np.array([[1], [-1]]) * (counts[other] - counts[one])
                place[[one, other]] = place[[other, one]]
        if (place == before).all():
            return


def _gains(one: int, place: np.ndarray, counts: np.ndarray, table: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """By how much the statistic falls if actor `one` changes places with each other actor, (A,).

    Rounded, so that which of two equal swaps is made does not depend on how a machine sums.
    """
    moved = counts - counts[one]
    mine, theirs = table[place[one]], table[place]
    before = _unlike(mine, shares) + _unlike(theirs, shares)
    return np.round(before - _unlike(mine + moved, shares) - _unlike(theirs - moved, shares), 6)


def _unlike(table: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Terms of Pearson's chi-squared statistic: how far rows (..., C) of a fold are from these shares of classes."""
    expected = table.sum(-1, keepdims=True) * shares
    return ((table - expected) ** 2 / expected).sum(-1)
