"""The entries of a config, completed with defaults: corpora, protocols, runs and features, and their plug-ins."""

import inspect
from dataclasses import dataclass
from types import ModuleType

from emospace.core import plugin
from emospace.core.steps import named
from emospace.evaluation import measures
from emospace.plan.views import ANALYSIS_KEYS, FEATURE_KEYS, PROTOCOL_KEYS, RUN_KEYS, Views
from emospace.protocols import labels
from emospace.protocols.fold_tables import SIDES
from emospace.runs.run_files import MODEL_FILES, OUTPUT_FILES, files_of
from emospace.runs.run_inputs import WEIGHTS, is_weights, output_of, run_of


@dataclass
class Entries:
    """Look up entries of a config by name. Plan adds everything that follows from them together."""

    config: dict

    @property
    def name(self) -> str:
        """Name of the config, and of the folder of its results."""
        return self.config["name"]

    @property
    def views(self) -> Views:
        return Views(self.config)

    # Corpora ---------------------------------------------------------------------------------------------------

    def corpus(self, name: str) -> dict:
        return self.config["corpora"][name]

    def reader(self, corpus: str) -> str:
        return self.corpus(corpus).get("reader", corpus)

    def reader_options(self, corpus: str) -> dict:
        return self.corpus(corpus).get("options", {})

    def generated(self, corpus: str) -> bool:
        return "generate" in self.corpus(corpus)

    def parts(self, corpus: str) -> list[str]:
        count = self.corpus(corpus)["parts"]
        return [f"{i:0{len(str(count - 1))}d}" for i in range(count)]

    # Protocols -------------------------------------------------------------------------------------------------

    def protocol(self, name: str) -> dict:
        """Return a protocol with its defaults; `folds` is the number of folds of its split."""
        spec = self.config["protocols"][name]
        folds = plugin.find("splits", spec["split"]).FOLDS
        return {"folds": folds, "leaky": False, "rows": {}, "without": [], "labels": labels.OWN} | spec

    def protocol_options(self, name: str) -> dict:
        return {k: v for k, v in self.config["protocols"][name].items() if k not in PROTOCOL_KEYS}

    def protocol_corpora(self, name: str) -> list[str]:
        """Return the corpora of a protocol, those to train on first."""
        spec = self.config["protocols"][name]
        corpora = [spec["corpus"]] if isinstance(spec.get("corpus"), str) else spec.get("corpus", [])
        return [*corpora, *spec.get("train", []), *spec.get("test", [])]

    def protocols(self, corpus: str) -> list[str]:
        return [p for p in self.config["protocols"] if corpus in self.protocol_corpora(p)]

    def sides(self, protocol: str) -> list[str]:
        """Return the sides on which each fold of a protocol has rows."""
        spec = self.protocol(protocol)
        untested = ["test"] if "train" in spec and not spec.get("test") else []
        return [side for side in SIDES if side not in [*spec["without"], *untested]]

    def folds(self, protocol: str) -> list[str]:
        """Return the names of the folds; a protocol that names corpora to train on has one fold."""
        spec = self.protocol(protocol)
        return [f"fold{i}" for i in range(1 if "train" in spec else spec["folds"])]

    # Runs ------------------------------------------------------------------------------------------------------

    def run(self, name: str) -> dict:
        return {"inputs": [], "augment": [], "seeds": 1} | self.config["runs"][name]

    def run_options(self, name: str) -> dict:
        return {k: v for k, v in self.config["runs"][name].items() if k not in RUN_KEYS}

    def run_corpora(self, run: str) -> list[str]:
        return self.protocol_corpora(self.run(run)["protocol"])

    def model(self, run: str) -> ModuleType:
        return plugin.find("models", self.run(run)["model"])

    def uses_gpu(self, run: str) -> bool:
        """Does training this run use a GPU if there is one?"""
        return self.model(run).GPU

    def sources(self, run: str) -> list[str]:
        """Return the features and views that a run reads."""
        return [name for name in self.run(run)["inputs"] if not run_of(name)]

    def parents(self, run: str) -> list[str]:
        """Return the runs whose outputs a run reads."""
        return list(dict.fromkeys(filter(None, map(run_of, self.run(run)["inputs"]))))

    def predicting(self, run: str) -> list[str]:
        """Return the parents of which a run reads outputs, not only trained weights."""
        names = [name for name in self.run(run)["inputs"] if not is_weights(name)]
        return list(dict.fromkeys(filter(None, map(run_of, names))))

    def seeds(self, run: str) -> list[int]:
        return [self.config["seed"] + k for k in range(self.run(run)["seeds"])]

    def parent_seed(self, parent: str, seed: int) -> int:
        """Return the parent's seed for a seed of its child: the same, or the only one of a deterministic parent."""
        return seed if seed in self.seeds(parent) else self.seeds(parent)[0]

    def extras(self, run: str) -> list[str]:
        """Return the names of a run's additional outputs."""
        return plugin.declared(self.model(run), "extras", self.run_options(run))

    def run_files(self, run: str) -> list[str]:
        """Return the names of the files that a training stores in addition to those of every run."""
        return files_of(self.extras(run), plugin.declared(self.model(run), "checkpoints", self.run_options(run)))

    def outside_files(self, run: str) -> list[str]:
        """Return the files outside the workflow that the options of a run name."""
        files = named(self.model(run).train, self.run_options(run), "files")
        return [path for paths in files.values() for path in paths]

    def outputs_read(self, run: str) -> list[tuple[str, str]]:
        """Return (parent, name of a file) of each stored output, or trained model, that a run reads."""
        inputs = [(run_of(name), output_of(name)) for name in self.run(run)["inputs"] if run_of(name)]
        files = {"": OUTPUT_FILES[:1], "embeddings": OUTPUT_FILES, WEIGHTS: MODEL_FILES[:1]}
        pairs = [(p, files.get(output, [OUTPUT_FILES[0], *files_of([output])])) for p, output in inputs]
        return list(dict.fromkeys((parent, file) for parent, names in pairs for file in names))

    def metrics(self) -> list[str]:
        """Return the metrics that tables show, in order."""
        return self.config.get("metrics", list(measures.DEFAULT))

    def compare_by(self) -> str:
        """Return the metric by which tables compare runs."""
        return measures.compared_by(self.metrics(), self.config.get("compare_by"))

    def analysed_views(self, analysis: str) -> list[str]:
        """Return the views that the options of an analysis name."""
        return self._named_by(analysis, "views")

    def other_runs(self, analysis: str) -> list[str]:
        """Return the runs that the options of an analysis name."""
        return self._named_by(analysis, "runs")

    def _named_by(self, analysis: str, block: str) -> list[str]:
        spec = self.config["analyses"][analysis]
        analyse = plugin.find("analyses", spec.get("analysis", analysis)).analyse
        options = {key: value for key, value in spec.items() if key not in ANALYSIS_KEYS}
        return list(dict.fromkeys(name for names in named(analyse, options, block).values() for name in names))

    # Features --------------------------------------------------------------------------------------------------

    def feature(self, name: str) -> dict:
        view, encoder = name.split(".")
        return {"view": view, "encoder": encoder} | self.config["features"][name]

    def feature_options(self, name: str) -> dict:
        return {k: v for k, v in self.config["features"][name].items() if k not in FEATURE_KEYS}

    def encoder(self, name: str) -> ModuleType:
        """Return the encoder module of a feature."""
        return plugin.find("encoders", self.feature(name)["encoder"])

    def encoded(self) -> list[str]:
        """Return the features that an encoder computes (the others are selections)."""
        return [f for f, spec in self.config["features"].items() if "select" not in spec]

    def selections(self) -> dict[str, dict]:
        """Return the features that select frames of another: name -> {select, by, ...}."""
        return {f: spec for f, spec in self.config["features"].items() if "select" in spec}

    def feature_files(self, name: str) -> list[str]:
        """Return the files outside the workflow that the options of a feature name."""
        files = named(self.encoder(name).load, self.feature_options(name), "files")
        return [path for paths in files.values() for path in paths]

    def known_corpora(self, name: str) -> list[str]:
        """Return the corpora whose utterance ids the encoder of a feature receives as `known`, if it takes them."""
        return [*self.config["corpora"]] if "known" in inspect.signature(self.encoder(name).load).parameters else []

    def direct_sources(self, name: str) -> list[str]:
        """Return the views and features from which a view or feature is directly computed."""
        if "." not in name:
            return self.views.sources(name)
        spec = self.feature(name)
        return [spec["view"], *(spec[k] for k in ("select", "by") if k in spec)]

    def augmented(self) -> list[str]:
        """Return the augmented views that the config asks for."""
        return self.views.augmented()

    def augmented_features(self) -> list[str]:
        """Return the features of augmented views."""
        return [f for f in self.config["features"] if self.views.is_augmented(f)]
