"""A trained run as an analysis sees it: its rows, models, predictions, and the truth."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np

from emospace.core import plugin
from emospace.core.contracts import Item
from emospace.core.data import Fold, Output, Rows
from emospace.core.manifest import Utterance
from emospace.core.provenance import read_json
from emospace.core.sidecars import about, sample_rate
from emospace.evaluation import bootstrap, measures
from emospace.evaluation.intervals import estimate
from emospace.evaluation.predictions import Predictions, Truth, read_run, truth_of
from emospace.evaluation.result import cell, compare
from emospace.protocols import fold_tables, protocol_rows
from emospace.runs import applying
from emospace.runs.folds import Readers, place_of, read_fold
from emospace.runs.run_inputs import Folders, of_rows, with_runs
from emospace.weights.record import Weights


@dataclass(frozen=True)
class Training:
    """One training of a run. folder: its result files. parents: run that it reads -> result files of that run."""

    fold: str
    seed: int
    folder: Path
    parents: Mapping[str, Path]


@dataclass(frozen=True)
class RunFiles:
    """Paths of a run. folders: <fold>-<seed>; tables: one per fold; inputs: name -> stores of all parts."""

    folders: Sequence[Path]
    tables: Sequence[Path]
    protocol: Path
    manifests: Sequence[Path]
    inputs: Mapping[str, Sequence[Path]]
    parents: Mapping[str, Sequence[Path]]
    readers: Readers = field(default_factory=dict)  # for inputs and other views
    views: Mapping[str, Sequence[Path]] = field(default_factory=dict)  # those that options of the analysis name


class Run:
    """A trained run with all its folds and seeds.

    name, model, protocol: names in the config. leaky: whether the protocol is declared leaky; leaks: everything that
    reveals something of test rows, None unless the analysis compares runs (JOINT), so that declaring a leak repeats no
    other analysis. inputs: names of its inputs, `run:<name>` for the outputs of another run, without trained models.
    classes: names in the order of class numbers. folds, seeds, trainings: in order. device: where `apply` computes,
    "cpu" or "cuda". weights: the run's pretrained weights, if its model needs any. others: runs that options of the
    analysis name, by name, without `rows`, `apply` and `items`.
    """

    def __init__(
        self,
        recipe: dict,
        files: RunFiles,
        device: str = "cpu",
        weights: Weights | None = None,
        others: Mapping[str, "Run"] = MappingProxyType({}),
    ):
        self.name, self.model, self.device, self.weights = recipe["run"], recipe["model"], device, weights
        self.protocol, self.leaky, self.leaks = recipe["protocol"], recipe["leaky"], recipe.get("leaks")
        self._recipe, self._files, self.others = recipe, files, others
        self.inputs: list[str] = of_rows(recipe["inputs"])
        self.classes: list[str] = read_json(files.protocol)["classes"]
        self.trainings = [_training(folder, files.parents) for folder in files.folders]
        self.folds = list(dict.fromkeys(training.fold for training in self.trainings))
        self.seeds = sorted({training.seed for training in self.trainings})
        self._cached_fold: dict[str, Fold] = {}

    @cached_property
    def truth(self) -> Truth:
        """The truth of the N test rows of all folds, in manifest order."""
        return truth_of(self._files.manifests, self._files.tables, self._files.protocol, self._recipe)

    @cached_property
    def predictions(self) -> Predictions:
        """The stored predictions for these rows, in the same order: probabilities (seeds, N, C)."""
        return read_run(self._files.folders, self.truth)

    def measured(self, probabilities: np.ndarray, metric: str = "UA") -> dict:
        """Value, `lo` and `hi` of a metric for any probabilities (seeds, N, C), computed as in the summary."""
        return metric_cell(self.truth, Predictions(self.seeds, probabilities), metric, self._recipe["seed"])

    def difference(self, probabilities: np.ndarray, baseline: np.ndarray, metric: str = "UA") -> dict:
        """Paired difference of a metric between probabilities (seeds, N, C) and a baseline's, with `lo` and `hi`.

        Both are of these test rows; None without any.
        """
        if not self.truth.rows:
            return dict.fromkeys(("difference", "lo", "hi"))
        return self._paired(Predictions(self.seeds, probabilities), Predictions(self.seeds, baseline), None, metric)[0]

    def compared(self, other: "Run", metric: str = "UA") -> dict:
        """Difference of a metric from another run on the rows that both test, paired, with interval and `n`.

        n: the number of those rows. Without any, every other value is None.
        """
        tested = {row.utterance for row in other.truth.rows}
        if not any(row.utterance in tested for row in self.truth.rows):
            return {"difference": None, "lo": None, "hi": None, "n": 0}
        truth = None if other.protocol == self.protocol else other.truth
        cells, shared = self._paired(self.predictions, other.predictions, truth, metric)
        return cells | {"n": shared["n"]}

    def _paired(self, one: Predictions, other: Predictions, truth: Truth | None, metric: str) -> tuple[dict, dict]:
        options = {"seed": self._recipe["seed"], "draws": bootstrap.DRAWS, "noisy": True}  # no p-value
        result = compare(self.truth, one, other, truth, [metric], **options)
        return {key: result["paired"][metric][key] for key in ("difference", "lo", "hi")}, result["shared"]

    @cached_property
    def draw(self) -> tuple[int, int] | None:
        """`train_rows` and `draw` of its protocol, None if it trains on all train rows."""
        draw = read_json(self._files.protocol).get("draw")
        return (draw["train_rows"], draw["draw"]) if draw else None

    def sizes(self) -> dict[str, dict[str, int]]:
        """Fold -> number of rows of each side, a row that occurs twice counted twice, and of distinct utterances."""
        return {table.stem: _sizes(fold_tables.read(table)) for table in self._files.tables}

    def rows(self, training: Training) -> Fold:
        """Train, dev and test rows of a training with their inputs. Test rows carry no labels; `truth` has them.

        Outputs of other runs exist for dev and test rows only.
        """
        fold = training.fold
        if fold not in self._cached_fold:
            table = next(path for path in self._files.tables if path.stem == fold)
            files = self._files
            # Folds are large: keep only one in memory.
            self._cached_fold = {fold: read_fold(table, files.protocol, files.inputs, readers=files.readers)}
        folders = {name: Folders(folder) for name, folder in training.parents.items()}
        return with_runs(self._cached_fold[fold], self.inputs, folders)

    def apply(self, training: Training, rows: Rows, *, keep: Sequence[str] | None = None) -> Output:
        """Output of a stored model for any rows. keep: names of the inputs that it may see, by default all.

        Raises InputError for a name that is not an input of the run.
        """
        return applying.apply(training.folder, rows, keep=keep, device=self.device, weights=self.weights)

    @cached_property
    def about(self) -> dict[str, dict]:
        """What the features and views among its inputs are; see Fold.about."""
        return about(path.with_suffix(".json") for files in self._files.inputs.values() for path in files)

    def utterances(self) -> list[Utterance]:
        """All rows of the protocol, with their classes as labels, in manifest order."""
        rows = protocol_rows.read(self._files.manifests), self._recipe["labels"], self._recipe["rows"]
        return [row for row in protocol_rows.by_class(*rows).values() if row.label]

    def items(self, view: str) -> dict[str, Item]:
        """Utterance -> its item, for a view that an option of the analysis names; only utterances of this protocol."""
        known = {line["utterance"]: (line["corpus"], line["part"], int(line["row"])) for line in self._lines()}
        parts = {place_of(path): self._files.readers[view](path) for path in self._files.views[view]}
        return {name: parts[corpus, part][row] for name, (corpus, part, row) in known.items()}

    def sample_rate(self, view: str) -> int | None:
        """The sample rate of such a view, Hz; None unless it is sound."""
        return sample_rate(self._files.views[view][0])

    def _lines(self) -> Iterator[dict[str, str]]:
        """Lines of all fold tables, without augmented rows."""
        return (line for table in self._files.tables for line in fold_tables.read(table))

    def places(self, training: Training) -> list[int]:
        """Index into `truth` of each test row of a training, in the order of `rows(training).test`."""
        indices: dict[str, list[int]] = {}
        for index, (row, fold) in enumerate(zip(self.truth.rows, self.truth.fold, strict=True)):
            if fold == training.fold:
                indices.setdefault(row.utterance, []).append(index)
        return [indices[name].pop(0) for name in self.rows(training).test.utterances]

    def present(self, rows: Rows, keep: Sequence[str]) -> np.ndarray:
        """Whether each row has any of these inputs: bool (N,)."""
        return rows.hiding(set(self.inputs) - set(keep)).present()


def metric_cell(truth: Truth, predictions: Predictions, metric: str, seed: int) -> dict:
    """Value of a metric and its interval over clusters and seeds; None without test rows."""
    if not truth.rows:
        return dict.fromkeys(("value", "lo", "hi"))
    sums = measures.tables(truth, predictions, [metric], {"all": truth.clusters.member})["all"][metric]
    module = plugin.find("metrics", metric)
    return cell(estimate(measures.value(metric), sums, seed=seed), module.LOWEST, module.HIGHEST)


def _sizes(lines: list[dict]) -> dict[str, int]:
    counts = Counter(line["split"] for line in lines)
    return {side: counts[side] for side in fold_tables.SIDES} | {"utterances": len({n["utterance"] for n in lines})}


def _training(folder: Path, parents: Mapping[str, Sequence[Path]]) -> Training:
    fold, _, seed = folder.name.rpartition("-")
    return Training(fold, int(seed), folder, {run: _matching(folder.name, folders) for run, folders in parents.items()})


def _matching(name: str, folders: Sequence[Path]) -> Path:
    """The folder of the same fold and seed; if the parent lacks that seed, of the fold's first seed."""
    fold = name.rpartition("-")[0]
    return min((path for path in folders if path.name.rpartition("-")[0] == fold), key=lambda path: path.name != name)
