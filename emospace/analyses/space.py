"""Quality of a run's space beside that of its raw features: neighbours, silhouettes, speakers, retrieval.

All numbers come from test rows. In a clean protocol, the model has not seen their speakers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import numpy as np

from emospace.analyses._space import RETRIEVAL, recognised, retrieval, silhouette, vote
from emospace.core import records
from emospace.core.data import Fold, Rows
from emospace.core.option_types import Count
from emospace.core.store import Ragged
from emospace.models._pooled import statistics
from emospace.runs.run_inputs import run_of

OUTPUTS = ("space.csv", "retrieval.csv")
GPU = True
PACKAGES = ("numpy", "scikit-learn", "scipy", "torch", "safetensors")
SPACE, RAW = "space", "raw features"
MEASURES = ["representation", "inputs", "measure", "value", "lo", "hi"]
COLUMNS = ["query", "target", *RETRIEVAL]
VOTE = "UA of the neighbours' vote"
SPEAKERS, CHANCE = "speaker accuracy of the neighbours' vote", "speaker accuracy by chance"
Features = dict[str, np.ndarray]  # input -> raw features (N, F)


@dataclass
class Measured:
    """Measures of one representation. votes: (seeds, N, C); others: measure -> one value per training."""

    votes: np.ndarray
    others: dict[str, list[float]] = field(default_factory=dict)

    def add(self, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.others.setdefault(name, []).append(value)


def suits(model, inputs: Sequence[str]) -> bool:
    """Whether the model gives embeddings from any subset of its inputs, all of which exist for train rows too."""
    return getattr(model, "EMBEDDINGS", False) and getattr(model, "SUBSETS", False) and not any(map(run_of, inputs))


def analyse(run, out: Path, *, neighbours: Count = 10) -> dict:
    """Write space.csv (neighbours, silhouettes, speakers) and retrieval.csv (scores per pair of inputs).

    space.csv measures the space and the raw features, from all inputs and from each input alone. Raw features are the
    mean and the standard deviation over time of the inputs, standardised by the train rows and set side by side; a
    missing input counts as average. neighbours: number of train rows of the fold, nearest by cosine, whose labels vote
    for a test row; all train rows vote for a test row without any of the inputs. Silhouettes (Rousseeuw 1987) use the
    cosine distance: high for emotions and low for speakers is good. The speaker of a test row is recognised by a vote
    of the other test rows of the fold; it is by chance that of the most frequent speaker. All but the UA are averaged
    over trainings, on the rows with any of the inputs.

    Retrieval ranks the test rows of a fold that have both inputs, embedded from the target alone, by their cosine with
    a row embedded from the query alone; `_space.retrieval` defines the scores. Raw features of two inputs have no
    common space, so they can only be compared within one: "raw features" ranks by those of the query's input.
    """
    subsets = list(dict.fromkeys([tuple(run.inputs), *((name,) for name in run.inputs)]))
    shape = run.predictions.probabilities.shape
    measured = {(kind, subset): Measured(np.full(shape, np.nan)) for subset in subsets for kind in (SPACE, RAW)}
    pairs: dict[tuple[str, str], list[dict]] = {pair: [] for pair in permutations(run.inputs, 2)}
    raw: dict[str, tuple[Features, Features]] = {}
    for training in run.trainings if run.truth.rows else ():
        fold, places = run.rows(training), run.places(training)
        if training.fold not in raw:
            raw = {training.fold: raw_features(fold)}  # of one fold at a time: they may be large
        tested = {}
        for subset in subsets:
            sides = [run.apply(training, rows, keep=subset).embeddings for rows in (fold.test, fold.train)]
            tested[subset] = sides[0]
            of_raw = [_beside(side, subset) for side in raw[training.fold]]
            for kind, points in {SPACE: sides, RAW: of_raw}.items():
                if points[0] is not None:
                    _measure(measured[kind, subset], run, training, places, subset, points, neighbours)
        for pair, line in _retrievals(run, fold.test, tested, raw[training.fold][0], run.truth.label[places], pairs):
            pairs[pair].append(line)
    records.write(out / OUTPUTS[0], MEASURES, _lines(run, measured))
    lines = [{"query": a, "target": b, **_mean(lines)} for (a, b), lines in pairs.items() if lines]
    records.write(out / OUTPUTS[1], COLUMNS, lines)
    return {"neighbours": neighbours}


def raw_features(fold: Fold) -> tuple[Features, Features]:
    """Raw features of the test and of the train rows: input -> (N, 2 D), zeros for a row without the input.

    Inputs that are strings have none.
    """
    test, train = {}, {}
    for name, items in fold.train.inputs.items():
        if isinstance(items, Ragged):
            table, other = statistics(items), fold.test.inputs[name]
            scaled = _scaler(table[items.lengths > 0])
            train[name] = np.where(items.lengths[:, None] > 0, scaled(table), 0.0)
            test[name] = np.where(other.lengths[:, None] > 0, scaled(statistics(other)), 0.0)
    return test, train


def _scaler(table: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Standardisation by the columns of a table; by nothing if it has no rows."""
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(table).transform if len(table) else np.asarray


def _beside(features: Features, subset: Sequence[str]) -> np.ndarray | None:
    """The raw features of these inputs side by side; None if they have none."""
    blocks = [features[name] for name in subset if name in features]
    return np.concatenate(blocks, axis=1) if blocks else None


def _measure(
    measured: Measured, run, training, places: list[int], subset: tuple[str, ...], points: list, neighbours: int
) -> None:
    """Add the measures of one training. points: of its test and of its train rows."""
    fold, (test, train) = run.rows(training), points
    known = fold.train.label >= 0
    here, there = run.present(fold.test, subset), known & run.present(fold.train, subset)
    shares = np.bincount(fold.train.label[known], minlength=len(run.classes)) / known.sum()
    votes = np.tile(shares, (len(test), 1))
    if there.any():
        votes[here] = vote(test[here], train[there], fold.train.label[there], len(run.classes), neighbours)
    measured.votes[run.seeds.index(training.seed), places] = votes
    label, speaker = (values[places][here] for values in (run.truth.label, run.truth.speaker))
    measured.add({"silhouette of emotions": silhouette(test[here], label)})
    measured.add({"silhouette of speakers": silhouette(test[here], speaker)})
    right, largest = recognised(test[here], speaker, neighbours)
    measured.add({SPEAKERS: right, CHANCE: largest})


def _retrievals(
    run, rows: Rows, tested: dict, raw: Features, label: np.ndarray, pairs
) -> Iterator[tuple[tuple[str, str], dict]]:
    """Yield each pair of inputs and its scores on the rows that have both."""
    present = {name: run.present(rows, [name]) for name in run.inputs}
    for query, target in pairs:
        both = np.flatnonzero(present[query] & present[target])
        if len(both):
            points, content = (tested[query,][both], tested[target,][both]), _contents(rows, target, both)
            features = raw[query][both] if query in raw else None
            yield (query, target), retrieval(*points, content, label[both], features)


def _contents(rows: Rows, name: str, places: np.ndarray) -> list[bytes]:
    items = rows.inputs[name]
    return [np.ascontiguousarray(items[i]).tobytes() if isinstance(items, Ragged) else items[i] for i in places]


def _lines(run, measured: dict[tuple[str, tuple[str, ...]], Measured]) -> Iterator[dict]:
    """Lines of space.csv; the last of each choice of inputs is the paired gain of the space in UA."""
    for (kind, subset), one in measured.items():
        if np.isnan(one.votes).any():  # the inputs have no raw features
            continue
        line = {"representation": kind, "inputs": " ".join(subset)}
        yield line | {"measure": VOTE} | _cells(run.measured(one.votes), "value")
        for name, values in one.others.items():
            yield line | {"measure": name, "value": _text(float(np.mean(values)))}
        if kind == RAW:
            gain = run.difference(measured[SPACE, subset].votes, one.votes)
            line["representation"] = f"{SPACE} minus {RAW}"
            yield line | {"measure": VOTE} | _cells(gain, "difference")


def _cells(result: dict, value: str) -> dict:
    return {"value": _text(result[value]), "lo": _text(result["lo"]), "hi": _text(result["hi"])}


def _mean(lines: list[dict]) -> dict:
    """Average the scores over the trainings that define them; the number of rows is the sum over folds and seeds."""
    values = {key: [line[key] for line in lines if not np.isnan(line[key])] for key in lines[0]}
    means = {key: _text(float(np.mean(some)) if some else None) for key, some in values.items()}
    return means | {"n": sum(line["n"] for line in lines)}


def _text(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.6f}"
