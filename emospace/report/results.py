"""What sections of the report may read: one object that knows everything a config made, and reads it when asked."""

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

QUALITY_SHOWN = 20


@dataclass(frozen=True)
class Files:
    """Paths of everything the report reads. Beside some lie companions: see `COMPANIONS`."""

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


# Sidecar -> files beside it that `Results` reads. rules/report.smk declares them as inputs, and the files of analyses.
COMPANIONS = {
    "metrics.json": ("predictions.csv",),
    "run.json": (run_files.LEARNT[1], *run_files.SAID),
}


@dataclass(frozen=True)
class Analysed:
    """What an analysis made of a run. facts: as it returned them. files: name -> path. home: where the page lies.

    name: as the config calls it. plugin: its module.
    """

    name: str
    plugin: str
    run: str
    facts: dict
    files: dict[str, Path]
    home: Path

    def size(self, file: str) -> int:
        """Bytes of one of its files."""
        return self._there(file).stat().st_size

    def read(self, file: str) -> bytes:
        """Content of one of its files."""
        return self._there(file).read_bytes()

    def _there(self, file: str) -> Path:
        if not self.files[file].is_file():
            raise InputError(self.files[file], "no such file", "run the workflow again")
        return self.files[file]

    def link(self, file: str) -> str:
        """Its path as seen from the page."""
        return os.path.relpath(self.files[file], self.home)


class Results:
    """Everything that a config made. Each attribute is read once, when it is first asked for.

    recipe: that of the report; `config` in it is what was asked for. home: the folder that the page lies in. Raises
    InputError where a file is missing or broken.
    """

    def __init__(self, files: Files, recipe: dict, home: Path = Path()):
        self.files, self.recipe, self.home = files, recipe, home

    @property
    def config(self) -> dict:
        """The config, {} where the recipe has none."""
        return self.recipe.get("config", {})

    @cached_property
    def summary(self) -> list[dict]:
        """Rows of summary.csv with numbers as numbers; what is empty there is None."""
        return summary_table.read(self.files.summary)

    @cached_property
    def metrics(self) -> dict[str, dict]:
        """Run -> metrics.json, in the order of the config."""
        return {found["meta"]["run"]: found for found in map(read_json, self.files.metrics)}

    @property
    def metas(self) -> list[dict]:
        """What is said about each run: `meta` of its metrics.json."""
        return [found["meta"] for found in self.metrics.values()]

    def predictions(self, run: str) -> list[dict[str, str]]:
        """Rows of a run's predictions.csv: its test rows with their label."""
        path = next(p for p in self.files.metrics if p.parent.name == run)
        return predictions.read_table(path.with_name("predictions.csv"))

    @cached_property
    def records(self) -> dict[str, dict[Path, dict]]:
        """Run -> <fold>-<seed> folder -> run.json."""
        found: dict[str, dict[Path, dict]] = {}
        for path in self.files.runs:
            record = read_json(path)
            found.setdefault(record["recipe"]["run"], {})[path.parent] = record
        return found

    def history(self, folder: Path) -> list[dict[str, float]]:
        """Rows of the history of a training."""
        return run_files.read_history(folder)

    def embeddings(self, folder: Path) -> np.ndarray:
        """float32 (n_dev + n_test, E) of a training; E is 0 of a model without a space."""
        return run_files.read_embeddings(folder)

    def probabilities(self, folder: Path) -> list[run_files.Line]:
        """What a training says of each row, dev rows first: side, utterance, present, probabilities, others."""
        classes = self.metrics[folder.parent.name]["meta"]["classes"]
        return list(run_files.read_lines(folder, classes))

    @cached_property
    def audits(self) -> dict[str, dict]:
        """Protocol -> its audit."""
        return {found["recipe"]["protocol"]: found for found in map(read_json, self.files.audits)}

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
        """Corpus -> every problem met."""
        return {path.stem: manifest.read_problems(path) for path in self.files.quality}

    @cached_property
    def corpora(self) -> list[dict]:
        """Of each corpus its `name`, the sidecar of its manifest, and its problems: by reason, the first few, count."""
        return [self.manifests[name] | _problems(found) | {"name": name} for name, found in self.quality.items()]

    @cached_property
    def features(self) -> list[dict]:
        """One entry per feature of a corpus; its parts agree in everything but counts."""
        by_feature = groupby(sorted(self.files.features), lambda path: path.parts[-3:-1])
        return [_feature(*place, [read_json(path) for path in paths]) for place, paths in by_feature]

    @cached_property
    def sheets(self) -> list[dict]:
        """One entry per augmented view of a corpus: counts, examples, and the counts of every fold of a protocol."""
        folds = [read_json(path) for path in self.files.gates]
        views = [read_json(path) for path in self.files.sheets]
        mine = [[f for f in folds if f["view"] == view["view"] and view["corpus"] in f["corpora"]] for view in views]
        return [view | {"folds": own} for view, own in zip(views, mine, strict=True)]

    @cached_property
    def analyses(self) -> list[Analysed]:
        """What analyses made, run by run in the order of the config."""
        return [self._analysed(path, read_json(path)) for path in self.files.analyses]

    def _analysed(self, path: Path, sidecar: dict) -> Analysed:
        files = {name: path.with_name(name) for name in sidecar["recipe"]["outputs"]}
        recipe = sidecar["recipe"]
        return Analysed(recipe["analysis"], recipe["plugin"], recipe["run"], sidecar["facts"], files, self.home)


def _problems(problems: list[Problem]) -> dict:
    counts = Counter((p.reason, p.dropped) for p in problems)
    table = [
        {"reason": reason, "dropped": dropped, "count": count, "means": manifest.REASONS.get(reason)}
        for (reason, dropped), count in sorted(counts.items())
    ]
    return {"reasons": table, "problems": problems[:QUALITY_SHOWN], "problem_count": len(problems)}


def _feature(corpus: str, name: str, parts: list[dict]) -> dict:
    totals = {key: sum(part.get(key) or 0 for part in parts) for key in ("rows", "steps", "missing")}
    facts = {"random": any(part["random_weights"] for part in parts), "dim": max(part["dim"] for part in parts)}
    weights = next((part["weights"] for part in parts if part.get("weights")), None)
    return {"corpus": corpus, "name": name, "recipe": parts[0]["recipe"], "weights": weights, **totals, **facts}
