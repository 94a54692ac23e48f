"""Read what a run predicted for its test rows, and join it with the truth. Whatever does not fit is an error.

The fold tables say who is tested where; the manifest says what is true; probabilities.csv says what a model thought.
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
from emospace.runs.run_files import AGAIN, OTHERS, SAID, read_lines

GENDERS = ["F", "M"]
COLUMNS = ["utterance", "fold", "speaker", "label", "predicted"]  # of predictions.csv, before those of the classes
Tested = tuple[str, str, int]  # utterance, fold, and how often that pair came before


@dataclass(frozen=True)
class Truth:
    """The N tested rows, in manifest order. label: class numbers; speaker: indices into `speakers`; fold: names.

    A row that a leaky protocol tests several times occurs as often. clusters: rows that stand or fall together, among
    all rows of the corpus.
    repeated: is the row's text, word for word, among the train texts of its fold?
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
    """Of the N tested rows. probabilities: (seeds, N, C); gender: probability of F, (seeds, N), or None.

    dimensions: valence, arousal and dominance in the corpus's units, (seeds, N, 3), or None; NaN in all rows of one
    that is not predicted of every row.
    """

    seeds: list[int]
    probabilities: np.ndarray
    gender: np.ndarray | None = None
    dimensions: np.ndarray | None = None


def truth_of(manifests: Sequence[Path], tables: Sequence[Path], protocol: Path, about: Mapping) -> Truth:
    """`read_truth` of a protocol. protocol: its sidecar. about: its `labels`, `rows` and `leaky`, as of a recipe."""
    facts = read_json(protocol)
    rows = protocol_rows.by_class(protocol_rows.read(manifests), about["labels"], about["rows"]).values()
    return read_truth(list(rows), tables, facts["classes"], leaky=about["leaky"], covers=facts["covers"])


def read_truth(
    rows: Sequence[Utterance], tables: Iterable[Path], classes: Sequence[str], *, leaky: bool, covers: bool
) -> Truth:
    """Labels of the rows that the fold tables test. The label of a row is its class, or "" if it is left out.

    Raises InputError, unless the protocol is leaky, if a row is tested twice, or never though the split covers all.
    """
    known = {row.utterance: row for row in rows if row.label}
    tested: dict[str, list[str]] = {}  # utterance -> folds
    train_texts: dict[str, set[str]] = {}
    for path in tables:
        lines = fold_tables.read(path)
        for line in lines:
            if line["split"] == "test":
                _claim(tested, line["utterance"], path, known, leaky)
        sources = [line["parent"] or line["utterance"] for line in lines if line["split"] == "train"]
        train_texts[path.stem] = {normalise_text(known[u].text) for u in sources if u in known} - {""}
    if covers and not leaky and (missing := set(known) - set(tested)):
        raise InputError(path.parent, f"no fold tests {min(missing)!r}", "mend the split")
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


def _claim(tested: dict[str, list[str]], utterance: str, path: Path, known: dict[str, Utterance], leaky: bool) -> None:
    if utterance in tested and not leaky:
        raise InputError(path, f"{utterance!r} is tested in {tested[utterance][0]} already", "mend the split")
    if utterance not in known:
        raise InputError(path, f"it tests {utterance!r}, which the manifest does not hold with a label", AGAIN)
    tested.setdefault(utterance, []).append(path.stem)


def read_run(folders: Iterable[Path], truth: Truth) -> Predictions:
    """Read <fold>-<seed>/probabilities.csv of every folder.

    Raises InputError unless every seed predicts every tested row just as often as it is tested, in its own folds, with
    a distribution.
    """
    wanted = _numbered((row.utterance, str(fold)) for row, fold in zip(truth.rows, truth.fold, strict=True))
    home: dict[str, list[str]] = {}
    for name, fold, _ in wanted:
        home.setdefault(name, []).append(fold)
    found: dict[int, dict[Tested, np.ndarray]] = {}
    for folder in folders:
        fold, _, seed = folder.name.rpartition("-")
        path = folder / SAID[0]
        seen = found.setdefault(int(seed), {})
        lines = list(read_lines(folder, truth.classes, "test"))
        for key, line in zip(_numbered((line.utterance, fold) for line in lines), lines, strict=True):
            name = line.utterance
            if fold not in home.get(name, ()):
                there = " and ".join(dict.fromkeys(home.get(name, ["no fold"])))
                raise InputError(path, f"{name!r} is a test row of {there}, not of {fold}", AGAIN)
            if key in seen or key not in wanted:
                raise InputError(path, f"{name!r} is predicted twice by seed {seed}", AGAIN)
            seen[key] = np.array([*line.probabilities, *line.others])
    for seed, seen in found.items():
        if missing := wanted.keys() - seen.keys():
            raise InputError(folder.parent, f"seed {seed} has no prediction for {min(missing)[0]!r}", AGAIN)
    seeds = sorted(found)
    values = np.array([[found[seed][key] for key in wanted] for seed in seeds])
    values = values.reshape(len(seeds), len(wanted), len(truth.classes) + len(OTHERS))  # also where nothing is tested
    probabilities, gender, dimensions = np.split(values, np.cumsum([len(truth.classes), 1]), axis=-1)
    dimensions = np.where(np.isnan(dimensions).any((0, 1)), np.nan, dimensions)
    return Predictions(seeds, probabilities, _complete(gender[..., 0]), _unless_nothing(dimensions))


def _complete(values: np.ndarray) -> np.ndarray | None:
    """The values, or None unless every row has one."""
    return None if np.isnan(values).any() else values


def _unless_nothing(dimensions: np.ndarray) -> np.ndarray | None:
    """Dimensions (seeds, N, 3), or None if none of them is predicted."""
    return None if dimensions.size and np.isnan(dimensions).all() else dimensions


def _numbered(tested: Iterable[tuple[str, str]]) -> dict[Tested, None]:
    """(utterance, fold) pairs in order, those that occur again told apart by number."""
    counts: Counter = Counter()
    found = {}
    for pair in tested:
        found[*pair, counts[pair]] = None
        counts[pair] += 1
    return found


def write_table(path: Path, truth: Truth, found: Predictions) -> None:
    """Write predictions.csv, one row per tested row: means over seeds, and as `predicted` the largest of these."""
    mean = found.probabilities.mean(0)
    told = zip(truth.rows, truth.fold, truth.label, mean, strict=True)
    lines = (
        [row.utterance, fold, row.speaker, truth.classes[label], truth.classes[int(values.argmax())]]
        + [f"{value:.6f}" for value in values]
        for row, fold, label, values in told
    )
    columns = [*COLUMNS, *truth.classes]
    records.write(path, columns, (dict(zip(columns, line, strict=True)) for line in lines))


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of predictions.csv."""
    return records.read(path, COLUMNS)


def shared(truth: Truth, other: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Indices, in each, of the rows that both test, in one order; a row tested several times pairs as often.

    Raises InputError if there is none, or if one has another label there.
    """
    places = [_numbered((row.utterance, "") for row in one.rows) for one in (truth, other)]
    mine, theirs = ({key: i for i, key in enumerate(keys)} for keys in places)
    both = [key for key in mine if key in theirs]
    if not both:
        raise InputError("versus", "no utterance is tested by both protocols", "compare runs that share test rows")
    found = tuple(np.array([side[key] for key in both]) for side in (mine, theirs))
    for key, i, k in zip(both, *found, strict=True):
        if (one := truth.classes[truth.label[i]]) != (two := other.classes[other.label[k]]):
            reason = f"{key[0]!r} is {one!r} in one protocol and {two!r} in the other"
            raise InputError("versus", reason, "use one label map")
    return found


def taken(truth: Truth, rows: np.ndarray) -> Truth:
    """Some of the tested rows. Their clusters are those of all rows, as far as one is left of each."""
    names, member = np.unique(truth.clusters.member[rows], return_inverse=True)
    held, speaker = np.unique(truth.speaker[rows], return_inverse=True)
    return Truth(
        classes=truth.classes,
        rows=[truth.rows[i] for i in rows],
        label=truth.label[rows],
        fold=truth.fold[rows],
        speaker=speaker,
        speakers=[truth.speakers[k] for k in held],
        clusters=Clusters(truth.clusters.unit, len(names), member),
        repeated=truth.repeated[rows],
    )


def of_rows(predictions: Predictions, rows: np.ndarray) -> Predictions:
    """The predictions of some of the rows."""
    others = (None if v is None else v[:, rows] for v in (predictions.gender, predictions.dimensions))
    return Predictions(predictions.seeds, predictions.probabilities[:, rows], *others)
