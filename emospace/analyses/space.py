"""Quality of a run's embedding space: neighbours, clusters of emotions and speakers, retrieval between inputs.

All numbers come from test rows. In a clean protocol, the model has not seen their speakers.
"""

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np

from emospace.core import records
from emospace.core.data import Rows
from emospace.core.option_types import Count
from emospace.core.store import Ragged

OUTPUTS = ("space.csv", "retrieval.csv")
GPU = True
PACKAGES = ("numpy", "scikit-learn", "scipy", "torch", "safetensors")
RANKS = (1, 5, 10)
MEASURES = ["measure", "value", "lo", "hi"]
COLUMNS = ["query", "target", "n", *(f"R@{k}" for k in RANKS), "same emotion@10", "by chance"]


def suits(model, inputs: Sequence[str]) -> bool:
    """Whether the model gives embeddings from any subset of its inputs."""
    return getattr(model, "EMBEDDINGS", False) and getattr(model, "SUBSETS", False)


def analyse(run, out: Path, *, neighbours: Count = 10) -> dict:
    """Write space.csv (score of a neighbours' vote, silhouettes) and retrieval.csv (scores per pair of inputs).

    neighbours: number of train rows of the fold, nearest by cosine, whose labels vote for a test row. Silhouettes
    (Rousseeuw 1987) use the cosine distance and are averaged over trainings: high for emotions and low for speakers is
    good. Retrieval ranks the test rows of a fold, embedded from the target alone, by their cosine with a row embedded
    from the query alone. R@k: share of queries with their own row, or one of the same target content, among the first
    k. "same emotion@10": share of the query's emotion among the first ten; "by chance": among all.
    """
    votes = np.full(run.predictions.probabilities.shape, np.nan)
    silhouettes: dict[str, list[float]] = {"emotions": [], "speakers": []}
    pairs: dict[tuple[str, str], list[dict]] = {pair: [] for pair in permutations(run.inputs, 2)}
    for training in run.trainings if run.truth.rows else ():
        fold, places = run.rows(training), run.places(training)
        embedded = run.apply(training, fold.test).embeddings
        known = np.flatnonzero(fold.train.label >= 0)
        train = run.apply(training, fold.train).embeddings[known]
        chosen = vote(embedded, train, fold.train.label[known], len(run.classes), neighbours)
        votes[run.seeds.index(training.seed), places] = chosen
        label = run.truth.label[places]
        for name, groups in (("emotions", label), ("speakers", run.truth.speaker[places])):
            silhouettes[name].append(silhouette(embedded, groups))
        for pair, line in _retrievals(run, training, fold.test, label, pairs):
            pairs[pair].append(line)
    records.write(out / OUTPUTS[0], MEASURES, _measures(run, votes, silhouettes))
    lines = [{"query": a, "target": b, **_mean(lines)} for (a, b), lines in pairs.items() if lines]
    records.write(out / OUTPUTS[1], COLUMNS, lines)
    return {"neighbours": neighbours}


def vote(queries: np.ndarray, train: np.ndarray, labels: np.ndarray, classes: int, neighbours: int) -> np.ndarray:
    """Share of each class among the train rows with the highest cosine, (N, classes)."""
    nearest = np.argsort(-(_directions(queries) @ _directions(train).T), axis=1, kind="stable")[:, :neighbours]
    return np.eye(classes)[labels[nearest]].mean(axis=1)


def silhouette(embedded: np.ndarray, groups: np.ndarray) -> float:
    """Mean cosine silhouette; NaN unless there are at least two groups and fewer groups than rows."""
    from sklearn.metrics import silhouette_score

    if not 1 < len(np.unique(groups)) < len(groups):
        return np.nan
    return float(silhouette_score(embedded, groups, metric="cosine"))


def retrieval(queries: np.ndarray, targets: np.ndarray, content: Sequence, label: np.ndarray) -> dict[str, float]:
    """Scores of one direction, by cosine. queries, targets: (N, E); content: of the targets, to find duplicates."""
    first: dict = {}
    numbers = np.array([first.setdefault(item, len(first)) for item in content])
    order = np.argsort(-(_directions(queries) @ _directions(targets).T), axis=1, kind="stable")
    hit = numbers[order] == numbers[:, None]
    same = label[order] == label[:, None]
    found = {f"R@{k}": float(hit[:, :k].any(axis=1).mean()) for k in RANKS}
    return {"n": len(label)} | found | {"same emotion@10": float(same[:, :10].mean()), "by chance": float(same.mean())}


def _directions(embeddings: np.ndarray) -> np.ndarray:
    """The embeddings scaled to unit norm; a vector of zeros stays zero."""
    norm = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.where(norm > 0, norm, 1)


def _retrievals(run, training, rows: Rows, label: np.ndarray, pairs) -> Iterator[tuple[tuple[str, str], dict]]:
    """Yield each pair of inputs and its scores on the rows that have both."""
    if not pairs:
        return
    embedded = {name: run.apply(training, rows, keep=[name]).embeddings for name in run.inputs}
    present = {name: run.present(rows, [name]) for name in run.inputs}
    for query, target in pairs:
        both = np.flatnonzero(present[query] & present[target])
        if len(both):
            content = _contents(rows, target, both)
            yield (query, target), retrieval(embedded[query][both], embedded[target][both], content, label[both])


def _contents(rows: Rows, name: str, places: np.ndarray) -> list[bytes]:
    items = rows.inputs[name]
    return [np.ascontiguousarray(items[i]).tobytes() if isinstance(items, Ragged) else items[i] for i in places]


def _measures(run, votes: np.ndarray, silhouettes: dict[str, list[float]]) -> Iterator[dict]:
    cell = run.measured(votes)
    yield {"measure": "UA of the neighbours' vote", **{key: _text(cell[key]) for key in ("value", "lo", "hi")}}
    for name, values in silhouettes.items():
        yield {"measure": f"silhouette of {name}", "value": _text(np.mean(values) if values else None)}


def _mean(lines: list[dict]) -> dict:
    """Average the scores over trainings; the number of rows is the sum over folds and seeds."""
    means = {key: _text(float(np.mean([line[key] for line in lines]))) for key in lines[0] if key != "n"}
    return {"n": sum(line["n"] for line in lines)} | means


def _text(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.6f}"
