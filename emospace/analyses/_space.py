"""Measures of a space of vectors by cosine: neighbours' votes, silhouettes, recognition of groups, retrieval."""

from collections.abc import Sequence

import numpy as np

RANKS = (1, 5, 10)
NEAREST = 10  # rows among which rows of the same emotion are counted
SAME = f"same emotion@{NEAREST}"
RETRIEVAL = ("n", *(f"R@{k}{suffix}" for k in RANKS for suffix in ("", " by chance")))
RETRIEVAL += (SAME, f"{SAME} raw features", f"{SAME} by chance")


def vote(queries: np.ndarray, train: np.ndarray, labels: np.ndarray, classes: int, neighbours: int) -> np.ndarray:
    """Share of each class among the train rows with the highest cosine, (N, classes)."""
    return np.eye(classes)[labels[_order(queries, train)[:, :neighbours]]].mean(axis=1)


def silhouette(points: np.ndarray, groups: np.ndarray) -> float:
    """Mean cosine silhouette (Rousseeuw 1987); NaN unless there are at least two groups and fewer groups than rows."""
    from sklearn.metrics import silhouette_score

    if not 1 < len(np.unique(groups)) < len(groups):
        return np.nan
    return float(silhouette_score(points, groups, metric="cosine"))


def recognised(points: np.ndarray, groups: np.ndarray, neighbours: int) -> tuple[float, float]:
    """Share of rows whose group the vote of their nearest other rows gives, and the share of the largest group.

    NaN unless there are at least two groups.
    """
    names, numbers, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        return np.nan, np.nan
    votes = np.eye(len(names))[numbers[_others(points)[:, :neighbours]]].sum(axis=1)
    return float((votes.argmax(1) == numbers).mean()), float(counts.max() / counts.sum())


def retrieval(
    queries: np.ndarray, targets: np.ndarray, content: Sequence, label: np.ndarray, raw: np.ndarray | None = None
) -> dict[str, float]:
    """Scores of one direction, keys RETRIEVAL. queries, targets: (N, E); content: of the targets, to find duplicates.

    R@k: share of queries with their own target, or one of the same content, among the first k; by chance: its
    expectation for a random order. Same emotion: share of the query's emotion among the first ten targets of other
    rows; by chance: among all other rows; raw features: among the ten other rows nearest by `raw`, raw features of the
    queries (N, F).
    """
    first: dict = {}
    numbers = np.array([first.setdefault(item, len(first)) for item in content])
    order = _order(queries, targets)
    hit = numbers[order] == numbers[:, None]
    scores: dict[str, float] = {"n": len(label)}
    for k in RANKS:
        scores |= {f"R@{k}": float(hit[:, :k].any(axis=1).mean()), f"R@{k} by chance": by_chance(numbers, k)}
    kept = [_without_own(order), None if raw is None else _others(raw)]
    same = [np.nan if one is None else _same(one[:, :NEAREST], label) for one in kept]
    return scores | dict(zip(RETRIEVAL[-3:], [*same, _same(kept[0], label)], strict=True))


def by_chance(numbers: np.ndarray, k: int) -> float:
    """Expected R@k of a random order. numbers: content of each target (N,); each query has one of the targets."""
    from scipy.special import comb

    size, duplicates = len(numbers), np.bincount(numbers)[numbers]
    return float(np.mean(1 - comb(size - duplicates, k) / comb(size, k))) if k < size else 1.0


def _same(order: np.ndarray, label: np.ndarray) -> float:
    """Share of the own label among the rows in `order` (N, K); NaN without any."""
    return float((label[order] == label[:, None]).mean()) if order.size else np.nan


def _order(queries: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Indices of the targets by descending cosine with each query, (N, M).

    Ties have a random order, the same every time: the order of rows would give away labels, because tables are often
    sorted by them. All targets of a query without a direction tie.
    """
    cosines = directions(queries) @ directions(targets).T
    return np.lexsort((np.random.default_rng(0).random(cosines.shape), -cosines), axis=1)


def _others(points: np.ndarray) -> np.ndarray:
    """Indices of the other rows by descending cosine with each row, (N, N - 1)."""
    return _without_own(_order(points, points))


def _without_own(order: np.ndarray) -> np.ndarray:
    size = len(order)
    return order[order != np.arange(size)[:, None]].reshape(size, size - 1)


def directions(points: np.ndarray) -> np.ndarray:
    """The points scaled to unit norm; a vector of zeros stays zero."""
    norm = np.linalg.norm(points, axis=1, keepdims=True)
    return points / np.where(norm > 0, norm, 1)
