"""Read a run's predictions for its test rows and join them with the truth. Any mismatch is an error.

Fold tables list the test rows of each fold, the manifest holds the true labels, probabilities.csv the predictions.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emospace.core import records
from emospace.core.errors import InputError
from emospace.core.manifest import Utterance
from emospace.core.provenance import read_json
from emospace.evaluation.clusters import Clusters, clusters
from emospace.protocols import fold_tables, protocol_rows
from emospace.protocols.fold_facts import normalise_text
from emospace.runs.run_files import AGAIN, OTHERS, OUTPUT_FILES, read_lines

GENDERS = ["F", "M"]
COLUMNS = ["utterance", "fold", "speaker", "label", "predicted"]  # of predictions.csv; one per class follows
TestedRow = tuple[str, str, int]  # utterance, fold, number of earlier occurrences of that pair


@dataclass(frozen=True)
class Truth:
    """The N tested rows, in manifest order. label: class numbers; speaker: indices into `speakers`; fold: names.

    A row that a leaky protocol tests several times occurs that often. clusters: the rows' clusters, derived from all
    rows of the corpus. repeated: whether a train row of the same fold has the row's exact words.
    """

    classes: Sequence[str]
    rows: list[Utterance]
    label: np.ndarray
    fold: np.ndarray
    speaker: np.ndarray
    speakers: list[str]
    clusters: Clusters
    repeated: np.ndarray


@dataclass(frozen=True)
class Predictions:
    """Predictions for the N tested rows. probabilities: (seeds, N, C); gender: probability of F, (seeds, N), or None.

    dimensions: valence, arousal and dominance in the corpus's units, (seeds, N, 3), or None. A dimension that is not
    predicted for every row is NaN in all rows.
    """

    seeds: list[int]
    probabilities: np.ndarray
    gender: np.ndarray | None = None
    dimensions: np.ndarray | None = None


def truth_of(manifests: Sequence[Path], tables: Sequence[Path], protocol: Path, recipe: Mapping) -> Truth:
    """`read_truth` for a protocol. protocol: its sidecar. recipe: holds its `labels`, `rows` and `leaky`."""
    facts = read_json(protocol)
    rows = protocol_rows.by_class(protocol_rows.read(manifests), recipe["labels"], recipe["rows"]).values()
    return read_truth(list(rows), tables, facts["classes"], leaky=recipe["leaky"], covers=facts["covers"])


def read_truth(
    rows: Sequence[Utterance], tables: Iterable[Path], classes: Sequence[str], *, leaky: bool, covers: bool
) -> Truth:
    """The truth of the test rows in the fold tables.

    rows: all rows of the corpora, whose label is their class, or "" if the protocol leaves them out. covers: the split
    tests every row. Raises InputError if a protocol that is not leaky tests a row twice, or misses one although its
    split covers all.
    """
    known = {row.utterance: row for row in rows if row.label}
    tested: dict[str, list[str]] = {}  # utterance -> folds
    train_texts: dict[str, set[str]] = {}
    for path in tables:
        lines = fold_tables.read(path)
        for line in lines:
            if line["split"] == "test":
                _add_test_row(tested, line["utterance"], path, known, leaky)
        sources = [line["parent"] or line["utterance"] for line in lines if line["split"] == "train"]
        train_texts[path.stem] = {normalise_text(known[u].text) for u in sources if u in known} - {""}
    if covers and not leaky and (missing := set(known) - set(tested)):
        raise InputError(path.parent, f"no fold tests {min(missing)!r}", "fix the split")
    kept = [row for name, row in known.items() for _ in tested.get(name, ())]
    fold = [name for row in known for name in tested.get(row, ())]
    speakers = sorted({row.speaker for row in kept})
    return Truth(
        classes=list(classes),
        rows=kept,
        label=np.array([classes.index(row.label) for row in kept], int),
        fold=np.array(fold, str),
        speaker=np.array([speakers.index(row.speaker) for row in kept], int),
        speakers=speakers,
        clusters=clusters(kept, rows),
        repeated=np.array(
            [normalise_text(row.text) in train_texts[f] for row, f in zip(kept, fold, strict=True)], bool
        ),
    )


def _add_test_row(
    tested: dict[str, list[str]], utterance: str, path: Path, known: dict[str, Utterance], leaky: bool
) -> None:
    """Record that a fold tests an utterance."""
    if utterance in tested and not leaky:
        raise InputError(path, f"{utterance!r} is already tested in {tested[utterance][0]}", "fix the split")
    if utterance not in known:
        raise InputError(path, f"it tests {utterance!r}, which has no usable label in the manifest", AGAIN)
    tested.setdefault(utterance, []).append(path.stem)


def read_run(folders: Iterable[Path], truth: Truth) -> Predictions:
    """Read <fold>-<seed>/probabilities.csv of every folder.

    Raises InputError unless every seed predicts each tested row once per test, in the fold that tests it, with a
    probability distribution.
    """
    expected = _numbered((row.utterance, str(fold)) for row, fold in zip(truth.rows, truth.fold, strict=True))
    folds_of: dict[str, list[str]] = {}
    for name, fold, _ in expected:
        folds_of.setdefault(name, []).append(fold)
    by_seed: dict[int, dict[TestedRow, np.ndarray]] = {}
    for folder in folders:
        fold, _, seed = folder.name.rpartition("-")
        path = folder / OUTPUT_FILES[0]
        values = by_seed.setdefault(int(seed), {})
        lines = list(read_lines(folder, truth.classes, "test"))
        for key, line in zip(_numbered((line.utterance, fold) for line in lines), lines, strict=True):
            name = line.utterance
            if fold not in folds_of.get(name, ()):
                folds = " and ".join(dict.fromkeys(folds_of.get(name, ["no fold"])))
                raise InputError(path, f"{name!r} is a test row of {folds}, not of {fold}", AGAIN)
            if key in values or key not in expected:
                raise InputError(path, f"seed {seed} predicts {name!r} twice", AGAIN)
            values[key] = np.array([*line.probabilities, *line.others])
    for seed, values in by_seed.items():
        if missing := expected.keys() - values.keys():
            raise InputError(folder.parent, f"seed {seed} has no prediction for {min(missing)[0]!r}", AGAIN)
    seeds = sorted(by_seed)
    table = np.array([[by_seed[seed][key] for key in expected] for seed in seeds])
    table = table.reshape(len(seeds), len(expected), len(truth.classes) + len(OTHERS))  # for a run without test rows
    probabilities, gender, dimensions = np.split(table, np.cumsum([len(truth.classes), 1]), axis=-1)
    dimensions = np.where(np.isnan(dimensions).any((0, 1)), np.nan, dimensions)
    return Predictions(seeds, probabilities, _complete(gender[..., 0]), _any_predicted(dimensions))


def _complete(values: np.ndarray) -> np.ndarray | None:
    """The values, or None unless every row has one."""
    return None if np.isnan(values).any() else values


def _any_predicted(dimensions: np.ndarray) -> np.ndarray | None:
    """The dimensions (seeds, N, 3), or None if none is predicted."""
    return None if dimensions.size and np.isnan(dimensions).all() else dimensions


def _numbered(pairs: Iterable[tuple[str, str]]) -> dict[TestedRow, None]:
    """(utterance, fold) pairs in order; a number distinguishes repeated pairs."""
    counts: Counter = Counter()
    keys = {}
    for pair in pairs:
        keys[*pair, counts[pair]] = None
        counts[pair] += 1
    return keys


def write_table(path: Path, truth: Truth, predictions: Predictions) -> None:
    """Write predictions.csv, one line per tested row: probabilities averaged over seeds, and the likeliest class."""
    mean = predictions.probabilities.mean(0)
    tested = zip(truth.rows, truth.fold, truth.label, mean, strict=True)
    lines = (
        [row.utterance, fold, row.speaker, truth.classes[label], truth.classes[int(values.argmax())]]
        + [f"{value:.6f}" for value in values]
        for row, fold, label, values in tested
    )
    columns = [*COLUMNS, *truth.classes]
    records.write(path, columns, (dict(zip(columns, line, strict=True)) for line in lines))


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of predictions.csv."""
    return records.read(path, COLUMNS)


def shared_rows(truth: Truth, other: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Indices, into each truth, of the rows that both test, in the same order.

    A row tested several times by both is paired that often. Raises InputError if there is no such row, or if the labels
    of one differ.
    """
    numbered = [_numbered((row.utterance, "") for row in one.rows) for one in (truth, other)]
    mine, theirs = ({key: i for i, key in enumerate(keys)} for keys in numbered)
    both = [key for key in mine if key in theirs]
    if not both:
        raise InputError("versus", "the two protocols have no test row in common", "compare runs that share test rows")
    indices = tuple(np.array([side[key] for key in both]) for side in (mine, theirs))
    for key, i, k in zip(both, *indices, strict=True):
        if (one := truth.classes[truth.label[i]]) != (two := other.classes[other.label[k]]):
            reason = f"{key[0]!r} is {one!r} in one protocol and {two!r} in the other"
            raise InputError("versus", reason, "use the same label map for both")
    return indices


def select_truth(truth: Truth, rows: np.ndarray) -> Truth:
    """The truth of some tested rows. They keep their clusters; clusters without a row are dropped."""
    kept_clusters, member = np.unique(truth.clusters.member[rows], return_inverse=True)
    kept_speakers, speaker = np.unique(truth.speaker[rows], return_inverse=True)
    return Truth(
        classes=truth.classes,
        rows=[truth.rows[i] for i in rows],
        label=truth.label[rows],
        fold=truth.fold[rows],
        speaker=speaker,
        speakers=[truth.speakers[k] for k in kept_speakers],
        clusters=Clusters(truth.clusters.unit, len(kept_clusters), member),
        repeated=truth.repeated[rows],
    )


def select_predictions(predictions: Predictions, rows: np.ndarray) -> Predictions:
    """The predictions for some tested rows."""
    others = (None if v is None else v[:, rows] for v in (predictions.gender, predictions.dimensions))
    return Predictions(predictions.seeds, predictions.probabilities[:, rows], *others)
