"""Read what a run predicted for its test rows, and join it with the truth. Whatever does not fit is an error.

The fold tables say who is tested where; the manifest says what is true; probabilities.csv says what a model thought.
"""

import csv
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
AGAIN = "run the workflow again"


@dataclass(frozen=True)
class Truth:
    """The N tested rows, in manifest order. label: class numbers; speaker: indices into `speakers`; fold: names.

    clusters: rows that stand or fall together, among all rows of the corpus.
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
    """Of the N tested rows. probabilities: (seeds, N, C); gender: probability of F, (seeds, N), or None."""

    seeds: list[int]
    probabilities: np.ndarray
    gender: np.ndarray | None = None


def read_truth(
    rows: Sequence[Utterance], tables: Iterable[Path], mapping: dict[str, str], classes: Sequence[str], *, leaky: bool
) -> Truth:
    """Labels of the rows that the fold tables test. `mapping` takes the corpus's codes to classes.

    Raises InputError if a row is tested twice, or, unless the protocol is leaky, a labelled row never.
    """
    known = {row.utterance: row for row in rows if row.label in mapping}
    fold: dict[str, str] = {}
    train_texts: dict[str, set[str]] = {}
    for path in tables:
        lines = _lines(path)
        for line in lines:
            if line["split"] == "test":
                _claim(fold, line["utterance"], path, known)
        sources = [line["parent"] or line["utterance"] for line in lines if line["split"] == "train"]
        train_texts[path.stem] = {normalise_text(known[u].text) for u in sources if u in known} - {""}
    if not leaky and (missing := set(known) - set(fold)):
        raise InputError(path.parent, f"no fold tests {min(missing)!r}", "mend the split")
    kept = [row for name, row in known.items() if name in fold]
    speakers = sorted({row.speaker for row in kept})
    return Truth(
        classes=list(classes),
        rows=kept,
        label=np.array([classes.index(mapping[row.label]) for row in kept]),
        fold=np.array([fold[row.utterance] for row in kept]),
        speaker=np.array([speakers.index(row.speaker) for row in kept]),
        speakers=speakers,
        clusters=clusters(kept, rows),
        repeated=np.array([normalise_text(row.text) in train_texts[fold[row.utterance]] for row in kept]),
    )


def _claim(fold: dict[str, str], utterance: str, path: Path, known: dict[str, Utterance]) -> None:
    if utterance in fold:
        raise InputError(path, f"{utterance!r} is tested in {fold[utterance]} already", "mend the split")
    if utterance not in known:
        raise InputError(path, f"it tests {utterance!r}, which the manifest does not hold with a label", AGAIN)
    fold[utterance] = path.stem


def read_run(folders: Iterable[Path], truth: Truth) -> Predictions:
    """Read <fold>-<seed>/probabilities.csv of every folder.

    Raises InputError unless every seed predicts every tested row exactly once, in its own fold, with a distribution.
    """
    home = {row.utterance: str(fold) for row, fold in zip(truth.rows, truth.fold, strict=True)}
    found: dict[int, dict[str, tuple[np.ndarray, float]]] = {}
    for folder in folders:
        fold, _, seed = folder.name.rpartition("-")
        path = folder / "probabilities.csv"
        seen = found.setdefault(int(seed), {})
        for name, values, gender in _test_rows(path, truth.classes):
            if name in seen:
                raise InputError(path, f"{name!r} is predicted twice by seed {seed}", AGAIN)
            if home.get(name) != fold:
                raise InputError(path, f"{name!r} is a test row of {home.get(name, 'no fold')}, not of {fold}", AGAIN)
            seen[name] = values, gender
    for seed, seen in found.items():
        if missing := set(home) - set(seen):
            raise InputError(folder.parent, f"seed {seed} has no prediction for {min(missing)!r}", AGAIN)
    seeds = sorted(found)
    probabilities = np.array([[found[seed][name][0] for name in home] for seed in seeds])
    gender = np.array([[found[seed][name][1] for name in home] for seed in seeds])
    return Predictions(seeds, probabilities, None if np.isnan(gender).any() else gender)


def _lines(path: Path) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", AGAIN) from error


def _test_rows(path: Path, classes: Sequence[str]) -> Iterator[tuple[str, np.ndarray, float]]:
    """Name, probabilities (C,) and probability of a female speaker (NaN where not predicted) of each test row."""
    for number, line in enumerate(_lines(path), 2):
        if line.get("split") != "test":
            continue
        where = f"line {number} ({line['utterance']!r})"
        try:
            values = np.array([float(line[name]) for name in classes])
            gender = float(line["gender_F"]) if "gender_F" in line else np.nan
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(path, f"{where} lacks a probability of one of {', '.join(classes)}", AGAIN) from error
        if not (values >= 0).all() or not abs(values.sum() - 1) <= SUM_TOLERANCE:
            raise InputError(path, f"{where} holds {values.tolist()}, which is no distribution", "mend the model")
        if "gender_F" in line and not 0 <= gender <= 1:
            raise InputError(path, f"{where} holds {gender} for gender_F, which is no probability", "mend the model")
        yield line["utterance"], values, gender
