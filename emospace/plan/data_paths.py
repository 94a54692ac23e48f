"""Paths below data/ and weights/, which all configs share: manifests, views, features, pretrained weights.

Paths with fields in braces, such as `{corpus}` and `{part}`, are patterns that rules fill with their wildcards.
"""

import os
from collections.abc import Iterable
from itertools import product
from string import Formatter

from emospace.plan.plan import Plan

PARENT, COPY = 0, 1  # the two sides that the gate compares


def fill(pattern: str, **values: str | Iterable[str]) -> list[str]:
    """Return the pattern with its fields filled in; several values of a field give several paths."""
    fields = {field for _, field, _, _ in Formatter().parse(pattern) if field}
    chosen = {k: [v] if isinstance(v, str) else list(v) for k, v in values.items() if k in fields}
    return [pattern.format(**dict(zip(chosen, combination, strict=True))) for combination in product(*chosen.values())]


def beside(file: str, ending: str = ".json") -> str:
    """Return the path of a file's sidecar, or of the file with another ending next to it."""
    return os.path.splitext(file)[0] + ending


def sidecars(files: Iterable[str]) -> list[str]:
    return [beside(file) for file in files]


def offsets(files: Iterable[str]) -> list[str]:
    """Return the second file of each store among these paths (see emospace/core/store.py)."""
    return [beside(file, ".offsets.npy") for file in files if file.endswith(".npy")]


def weight_records(names: Iterable[str]) -> list[str]:
    """Return the records of pretrained weights."""
    return [f"weights/{name}/weights.json" for name in names]


class DataPaths:
    """Paths of what a plan's config reads and makes in the folders that all configs share; attributes are patterns."""

    manifest = "data/manifest/{corpus}.csv"
    manifest_sidecar = "data/manifest/{corpus}.json"
    part = "data/manifest/{corpus}/{part}.csv"
    words = "data/manifest/{corpus}/{part}.words.csv"
    digests = ("data/manifest/{corpus}/{part}.audio.sha256", "data/manifest/{corpus}/{part}.video.sha256")

    def __init__(self, plan: Plan):
        self.plan = plan

    def over_parts(self, pattern: str, corpus: str, **values) -> list[str]:
        """Return the pattern filled for each part of a corpus."""
        return fill(pattern, **values | {"corpus": corpus, "part": self.plan.parts(corpus)})

    def over_corpora(self, pattern: str, protocol: str, **values) -> list[str]:
        """Return the pattern filled for each corpus of a protocol and, if it has {part}, for each of its parts."""
        corpora = self.plan.protocol_corpora(protocol)
        return [path for corpus in corpora for path in self.over_parts(pattern, corpus, **values)]

    def protocol_digests(self, protocol: str) -> list[str]:
        """Return the digests of the media of a protocol's corpora."""
        corpora = self.plan.protocol_corpora(protocol)
        return [path for corpus in corpora for pattern in self.digests for path in self.over_parts(pattern, corpus)]

    # Views -----------------------------------------------------------------------------------------------------

    def _top(self, name: str) -> str:
        """Return the top folder of a view or feature: augmented data are kept apart from everything else."""
        return "data/augmented" if self.plan.views.is_augmented(name) else "data"

    def view(self, view: str) -> str:
        """Return the pattern of a view's main file for one part."""
        return f"{self._top(view)}/views/{{corpus}}/{view}/{{part}}{self.plan.views.suffix(view)}"

    def step(self, view: str, step: str) -> str:
        """Return the pattern of the main file of a step of an augmented view; the step "" is the view itself."""
        main = self.view(view)
        return beside(main, f".{step}{self.plan.views.step(view, step).suffix}") if step else main

    def source(self, view: str, step: str) -> str:
        """Return the pattern of the source of a step of an augmented view."""
        reads = self.plan.views.step(view, step).reads
        if reads == "parent":
            return self.view(self.plan.views.parent(view))
        return self.step(view, "" if reads == "child" else reads)

    def view_outputs(self, view: str, step: str = "") -> dict[str, str]:
        """Return the output files of a job of a view, by name."""
        main = self.step(view, step)
        store = dict.fromkeys(["offsets"] if main.endswith(".npy") else [], beside(main, ".offsets.npy"))
        return {"main": main, **store, "quality": beside(main, ".quality.csv"), "sidecar": beside(main)}

    def views_named(self, view: str, step: str = "") -> list[str]:
        """Return the patterns of the views that options of a job of a view name."""
        return [self.view(name) for name in self.plan.views.step_sources(view, step)]

    def steps_taken(self, view: str, function) -> list[str]:
        """Return the patterns of the steps of a view that a function takes by name."""
        return [self.step(view, step) for step in self.plan.views.reads(function, view)]

    def words_taken(self, view: str, step: str = "") -> list[str]:
        """Return the pattern of the published words if a job of a view takes them."""
        return [self.words] if self.plan.views.takes(self.plan.views.step(view, step).make, "words") else []

    # Features --------------------------------------------------------------------------------------------------

    def feature(self, feature: str) -> str:
        """Return the pattern of a feature's store for one part."""
        return f"{self._top(feature)}/features/{{corpus}}/{feature}/{{part}}.npy"

    def of_corpus(self, name: str, corpus: str, ending: str = "") -> list[str]:
        """Return the main files of a view or feature for all parts, or files of a view with another ending."""
        main = self.feature(name) if "." in name else self.view(name)
        return self.over_parts(beside(main, ending) if ending else main, corpus)

    def of_protocol(self, name: str, protocol: str) -> list[str]:
        """Return the main files of a view or feature for all parts of all corpora of a protocol."""
        return [path for corpus in self.plan.protocol_corpora(protocol) for path in self.of_corpus(name, corpus)]

    def feature_sidecars(self, feature: str, corpus: str) -> list[str]:
        return sidecars(self.of_corpus(feature, corpus))

    def used_features(self) -> list[str]:
        """Return the sidecars of all parts of all features that runs read, except augmented ones."""
        used = [(corpus, name) for corpus in self.plan.config["corpora"] for name in self.plan.used_features(corpus)]
        return [path for corpus, name in used for path in self.feature_sidecars(name, corpus)]

    def augmented_features(self) -> list[str]:
        """Return the sidecars of all parts of all features of augmented views."""
        made = product(self.augmented_corpora(), self.plan.augmented_features())
        return [path for corpus, name in made for path in self.feature_sidecars(name, corpus)]

    def augmented_corpora(self) -> list[str]:
        """Return the corpora of the config if it has augmented views."""
        return [*self.plan.config["corpora"]] if self.plan.augmented() else []

    def feature_weights(self, feature: str) -> list[str]:
        """Return the record of a feature's pretrained weights, if it has any."""
        return weight_records(filter(None, [self.plan.feature(feature).get("weights")]))

    def exported_translations(self, corpus: str) -> list[str]:
        """Return the back-translated texts of all parts, if the config has them."""
        return self.of_corpus("text_bt", corpus) if "text_bt" in self.plan.augmented() else []

    def exported(self, corpus: str) -> list[str]:
        """Return the stores of all parts of the exported features."""
        return [path for name in self.plan.exported() for path in self.of_corpus(name, corpus)]

    # Problems --------------------------------------------------------------------------------------------------

    def view_problems(self, corpus: str) -> list[str]:
        """Return the tables of problems of all views of a corpus's own rows."""
        views = self.plan.read_views(corpus)
        return [path for view in views for path in self.of_corpus(view, corpus, ".quality.csv")]

    def augmented_problems(self, corpus: str) -> list[str]:
        """Return the tables of problems of all parts and steps of all augmented views of a corpus."""
        steps = [(view, step) for view in self.plan.augmented() for step in self.plan.views.steps(view)]
        return [p for view, s in steps for p in self.over_parts(self.view_outputs(view, s)["quality"], corpus)]

    # The quality gate ------------------------------------------------------------------------------------------

    def scored(self, view: str) -> list[str]:
        """Return the patterns of the parent's and the view's own file, which the gate compares."""
        return [self.view(self.plan.views.parent(view)), self.view(view)]

    def score_features(self, view: str) -> list[str]:
        """Return the patterns of the parent's and the view's own feature, if the scores of the view need them."""
        takes = self.plan.views.takes(self.plan.views.module(view).score, "features")
        return [self.feature(name) for name in self.plan.gate_features(view)] if takes else []

    def probe(self, view: str, protocol: str, side: int) -> list[str]:
        """Return the stores of one side for the gate's probe, if it has one."""
        return self.of_protocol(self.plan.gate_features(view)[side], protocol) if self.plan.probed(view) else []

    def transcripts(self, view: str, corpus: str, side: int) -> list[str]:
        """Return the transcripts of one side for a sheet of examples, if the view has steps for them."""
        steps = self.plan.views.module(view).WORDS[side : side + 1]
        return [path for step in steps for path in self.of_corpus(view, corpus, f".{step}.csv")]
