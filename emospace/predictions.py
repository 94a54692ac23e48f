"""Read what a run predicted for its test rows, and join it with the truth. Whatever does not fit is an error.

The fold tables say who is tested where; the manifest says what is true; probabilities.csv says what a model thought.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emospace.clusters import Clusters, clusters
from emospace.errors import InputError
from emospace.fold_facts import normalise_text
from emospace.manifest import Utterance

SUM_TOLERANCE = 1e-3  # probabilities are stored with seven digits
GENDERS = ["F", "M"]
OTHERS = ("gender_F", "valence", "arousal", "dominance")  # columns of what a model may predict beside classes
Tested = tuple[str, str, int]  # utterance, fold, and how often that pair came before
AGAIN = "run the workflow again"


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
        lines = _lines(path)
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
        path = folder / "probabilities.csv"
        seen = found.setdefault(int(seed), {})
        lines = list(_test_rows(path, truth.classes))
        for key, (name, values) in zip(_numbered((n, fold) for n, _ in lines), lines, strict=True):
            if fold not in home.get(name, ()):
                there = " and ".join(dict.fromkeys(home.get(name, ["no fold"])))
                raise InputError(path, f"{name!r} is a test row of {there}, not of {fold}", AGAIN)
            if key in seen or key not in wanted:
                raise InputError(path, f"{name!r} is predicted twice by seed {seed}", AGAIN)
            seen[key] = values
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


def _lines(path: Path) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", AGAIN) from error


def _test_rows(path: Path, classes: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Name of each test row, and what is predicted: probabilities (C), then OTHERS, NaN where not predicted."""
    for number, line in enumerate(_lines(path), 2):
        if line.get("split") != "test":
            continue
        where = f"line {number} ({line['utterance']!r})"
        try:
            values = np.array([float(line[name]) for name in classes])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(path, f"{where} lacks a probability of one of {', '.join(classes)}", AGAIN) from error
        if not (values >= 0).all() or not abs(values.sum() - 1) <= SUM_TOLERANCE:
            raise InputError(path, f"{where} holds {values.tolist()}, which is no distribution", "mend the model")
        yield line["utterance"], np.append(values, [_other(path, where, line, name) for name in OTHERS])


def _other(path: Path, where: str, line: dict[str, str], name: str) -> float:
    """The value of one of OTHERS, NaN where there is none."""
    if not (text := line.get(name)):
        return np.nan
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if name == "gender_F" and not 0 <= value <= 1:
        raise InputError(path, f"{where} holds {text} for gender_F, which is no probability", "mend the model")
    if not np.isfinite(value):
        raise InputError(path, f"{where} holds {text} for {name}, which is no finite number", "mend the model")
    return value


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
