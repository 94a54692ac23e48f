"""A trained run as an analysis sees it: its rows, its models, what it predicted, and what is true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from emospace.core import plugin
from emospace.core.data import Fold, Output, Rows
from emospace.core.provenance import read_json
from emospace.evaluation import measures
from emospace.evaluation.intervals import estimate
from emospace.evaluation.predictions import Predictions, Truth, read_run, truth_of
from emospace.evaluation.result import cell
from emospace.runs import applying
from emospace.runs.folds import Readers, read_fold
from emospace.runs.run_inputs import Folders, with_runs
from emospace.weights.record import Weights


@dataclass(frozen=True)
class Training:
    """One training of a run. folder: what it stored. parents: run -> what the run that it reads stored."""

    fold: str
    seed: int
    folder: Path
    parents: Mapping[str, Path]


@dataclass(frozen=True)
class RunFiles:
    """Where a run lies. folders: <fold>-<seed>; tables: of its folds; inputs: name -> stores of all parts."""

    folders: Sequence[Path]
    tables: Sequence[Path]
    protocol: Path
    manifests: Sequence[Path]
    inputs: Mapping[str, Sequence[Path]]
    parents: Mapping[str, Sequence[Path]]
    readers: Readers = field(default_factory=dict)  # of inputs that are views


class Run:
    """A trained run, all its folds and seeds.

    name, model: as the config calls them. inputs: what it reads, `run:<name>` for the outputs of another run. classes:
    class k is classes[k]. folds, seeds, trainings: in order. device: where `apply` computes, "cpu" or "cuda". weights:
    the pretrained ones of the run, if its model needs some.
    """

    def __init__(self, recipe: dict, files: RunFiles, device: str = "cpu", weights: Weights | None = None):
        self.name, self.model, self.device, self.weights = recipe["run"], recipe["model"], device, weights
        self._recipe, self._files = recipe, files
        self.inputs: list[str] = list(recipe["inputs"])
        self.classes: list[str] = read_json(files.protocol)["classes"]
        self.trainings = [_training(folder, files.parents) for folder in files.folders]
        self.folds = list(dict.fromkeys(training.fold for training in self.trainings))
        self.seeds = sorted({training.seed for training in self.trainings})
        self._read: dict[str, Fold] = {}

    @cached_property
    def truth(self) -> Truth:
        """What is true of the N test rows of all folds, in the order of the manifest."""
        return truth_of(self._files.manifests, self._files.tables, self._files.protocol, self._recipe)

    @cached_property
    def predictions(self) -> Predictions:
        """What the run stored for these rows, in the same order: probabilities (seeds, N, C)."""
        return read_run(self._files.folders, self.truth)

    def measured(self, probabilities: np.ndarray, metric: str = "UA") -> dict:
        """Value, `lo` and `hi` of a metric, as the summary has it, of any probabilities (seeds, N, C)."""
        return measured(self.truth, Predictions(self.seeds, probabilities), metric, self._recipe["seed"])

    def rows(self, training: Training) -> Fold:
        """Train, dev and test rows of a training with their inputs. Test rows have no labels here: see `truth`.

        Outputs of other runs are there of dev and test rows only.
        """
        fold = training.fold
        if fold not in self._read:
            table = next(path for path in self._files.tables if path.stem == fold)
            # One at a time, since they are large.
            given = self._files.protocol, self._files.inputs
            self._read = {fold: read_fold(table, *given, readers=self._files.readers)}
        folders = {name: Folders(folder) for name, folder in training.parents.items()}
        return with_runs(self._read[fold], self.inputs, folders)

    def apply(self, training: Training, rows: Rows, *, keep: Sequence[str] | None = None) -> Output:
        """What a stored model says of any rows. keep: names of the inputs that it may see, all by default.

        Raises InputError for a name that is no input of the run.
        """
        return applying.apply(training.folder, rows, keep=keep, device=self.device, weights=self.weights)

    def places(self, training: Training) -> list[int]:
        """Place in `truth` of each test row of a training, in the order of `rows(training).test`."""
        found: dict[str, list[int]] = {}
        for place, (row, home) in enumerate(zip(self.truth.rows, self.truth.fold, strict=True)):
            if home == training.fold:
                found.setdefault(row.utterance, []).append(place)
        return [found[name].pop(0) for name in self.rows(training).test.utterances]

    def present(self, rows: Rows, keep: Sequence[str]) -> np.ndarray:
        """Has a row any of these inputs? bool (N,)."""
        return rows.hiding(set(self.inputs) - set(keep)).present()


def measured(truth: Truth, predictions: Predictions, metric: str, seed: int) -> dict:
    """Value of a metric, None where nothing is tested, and its interval over clusters and seeds."""
    if not truth.rows:
        return dict.fromkeys(("value", "lo", "hi"))
    sums = measures.tables(truth, predictions, [metric], {"all": truth.clusters.member})["all"][metric]
    module = plugin.find("metrics", metric)
    return cell(estimate(measures.value(metric), sums, seed=seed), module.LOWEST, module.HIGHEST)


def _training(folder: Path, parents: Mapping[str, Sequence[Path]]) -> Training:
    fold, _, seed = folder.name.rpartition("-")
    return Training(fold, int(seed), folder, {name: _same(folder.name, found) for name, found in parents.items()})


def _same(name: str, folders: Sequence[Path]) -> Path:
    """The folder of the same fold and seed, or of the same fold and the first seed where there are fewer."""
    fold = name.rpartition("-")[0]
    return min((path for path in folders if path.name.rpartition("-")[0] == fold), key=lambda path: path.name != name)
