"""`Results`: everything that sections of the report may read, loaded on first access."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np

from emospace.core import manifest
from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance
from emospace.core.provenance import read_json
from emospace.evaluation import predictions, summary_table
from emospace.runs import run_files

PROBLEMS_SHOWN = 20


@dataclass(frozen=True)
class Files:
    """Paths of all files that the report reads, except those in `COMPANIONS`."""

    summary: Path
    metrics: Sequence[Path]
    runs: Sequence[Path]
    audits: Sequence[Path]
    quality: Sequence[Path]
    manifests: Sequence[Path]
    features: Sequence[Path]
    sheets: Sequence[Path] = ()
    gates: Sequence[Path] = ()
    analyses: Sequence[Path] = ()


# Sidecar -> files beside it that `Results` reads; rules/report.smk declares them, like the outputs of analyses.
COMPANIONS = {
    "metrics.json": ("predictions.csv",),
    "run.json": (run_files.MODEL_FILES[1], *run_files.OUTPUT_FILES),
}


@dataclass(frozen=True)
class Analysed:
    """The result of an analysis of a run. facts: as returned by the analysis. files: name -> path of its outputs.

    name: its name in the config. plugin: its module. run: "" if it is one of several runs. home: folder of the page.
    """

    name: str
    plugin: str
    run: str
    facts: dict
    files: dict[str, Path]
    home: Path

    def size(self, file: str) -> int:
        """Size of one of its files, bytes."""
        return self._existing(file).stat().st_size

    def read(self, file: str) -> bytes:
        """Content of one of its files."""
        return self._existing(file).read_bytes()

    def _existing(self, file: str) -> Path:
        if not self.files[file].is_file():
            raise InputError(self.files[file], "no such file", "run the workflow again")
        return self.files[file]

    def link(self, file: str) -> str:
        """Path of one of its files relative to the page."""
        return os.path.relpath(self.files[file], self.home)


class Results:
    """All results of a config. Each attribute is read once, on first access.

    recipe: recipe of the report; its `config` is the user's config. home: folder of the page. Raises InputError if a
    file is missing or broken.
    """

    def __init__(self, files: Files, recipe: dict, home: Path = Path()):
        self.files, self.recipe, self.home = files, recipe, home

    @property
    def config(self) -> dict:
        """The config, {} if the recipe has none."""
        return self.recipe.get("config", {})

    @cached_property
    def summary(self) -> list[dict]:
        """Rows of summary.csv with parsed numbers; empty cells are None."""
        return summary_table.read(self.files.summary)

    @cached_property
    def metrics(self) -> dict[str, dict]:
        """Run -> metrics.json, in the order of the config."""
        return {content["meta"]["run"]: content for content in map(read_json, self.files.metrics)}

    @property
    def metas(self) -> list[dict]:
        """`meta` of the metrics.json of each run."""
        return [content["meta"] for content in self.metrics.values()]

    def predictions(self, run: str) -> list[dict[str, str]]:
        """Rows of a run's predictions.csv, with the labels of its test rows."""
        path = next(p for p in self.files.metrics if p.parent.name == run)
        return predictions.read_table(path.with_name("predictions.csv"))

    @cached_property
    def records(self) -> dict[str, dict[Path, dict]]:
        """Run -> <fold>-<seed> folder -> run.json."""
        by_run: dict[str, dict[Path, dict]] = {}
        for path in self.files.runs:
            record = read_json(path)
            by_run.setdefault(record["recipe"]["run"], {})[path.parent] = record
        return by_run

    def history(self, folder: Path) -> list[dict[str, float]]:
        """Rows of the history.csv of a training."""
        return run_files.read_history(folder)

    def embeddings(self, folder: Path) -> np.ndarray:
        """Embeddings of a training, float32 (n_dev + n_test, E); E is 0 if the model has no embedding space."""
        return run_files.read_embeddings(folder)

    def probabilities(self, folder: Path) -> list[run_files.Line]:
        """Predictions of a training, dev rows first, with side, utterance, present, probabilities and others."""
        classes = self.metrics[folder.parent.name]["meta"]["classes"]
        return list(run_files.read_lines(folder, classes))

    @cached_property
    def audits(self) -> dict[str, dict]:
        """Protocol -> its audit."""
        return {audit["recipe"]["protocol"]: audit for audit in map(read_json, self.files.audits)}

    @cached_property
    def manifests(self) -> dict[str, dict]:
        """Corpus -> sidecar of its manifest."""
        return {path.stem: read_json(path) for path in self.files.manifests}

    @cached_property
    def rows(self) -> dict[str, list[Utterance]]:
        """Corpus -> rows of its manifest."""
        return {path.stem: manifest.read(path.with_suffix(".csv")) for path in self.files.manifests}

    @cached_property
    def quality(self) -> dict[str, list[Problem]]:
        """Corpus -> every problem encountered."""
        return {path.stem: manifest.read_problems(path) for path in self.files.quality}

    @cached_property
    def corpora(self) -> list[dict]:
        """Per corpus: `name`, sidecar of the manifest, and problems (counts by reason, the first few, the total)."""
        return [self.manifests[name] | _problems(problems) | {"name": name} for name, problems in self.quality.items()]

    @cached_property
    def features(self) -> list[dict]:
        """One entry per feature and corpus, summed over parts."""
        by_feature = groupby(sorted(self.files.features), lambda path: path.parts[-3:-1])
        return [_feature(*key, [read_json(path) for path in paths]) for key, paths in by_feature]

    @cached_property
    def sheets(self) -> list[dict]:
        """One entry per augmented view and corpus: counts, examples, and the counts of each fold."""
        folds = [read_json(path) for path in self.files.gates]
        views = [read_json(path) for path in self.files.sheets]
        of_view = [[f for f in folds if f["view"] == view["view"] and view["corpus"] in f["corpora"]] for view in views]
        return [view | {"folds": own} for view, own in zip(views, of_view, strict=True)]

    @cached_property
    def analyses(self) -> list[Analysed]:
        """Results of all analyses, run by run in the order of the config."""
        return [self._analysed(path, read_json(path)) for path in self.files.analyses]

    def _analysed(self, path: Path, sidecar: dict) -> Analysed:
        files = {name: path.with_name(name) for name in sidecar["recipe"]["outputs"]}
        recipe = sidecar["recipe"]
        return Analysed(recipe["analysis"], recipe["plugin"], recipe.get("run", ""), sidecar["facts"], files, self.home)


def _problems(problems: list[Problem]) -> dict:
    counts = Counter((p.reason, p.dropped) for p in problems)
    table = [
        {"reason": reason, "dropped": dropped, "count": count, "meaning": manifest.REASONS.get(reason)}
        for (reason, dropped), count in sorted(counts.items())
    ]
    return {"reasons": table, "problems": problems[:PROBLEMS_SHOWN], "problem_count": len(problems)}


def _feature(corpus: str, name: str, parts: list[dict]) -> dict:
    totals = {key: sum(part.get(key) or 0 for part in parts) for key in ("rows", "steps", "missing")}
    facts = {"random": any(part["random_weights"] for part in parts), "dim": max(part["dim"] for part in parts)}
    weights = next((part["weights"] for part in parts if part.get("weights")), None)
    return {"corpus": corpus, "name": name, "recipe": parts[0]["recipe"], "weights": weights, **totals, **facts}
