"""What the config asks for, checked: the Snakefile's view of the project, free of Snakemake.

Everything a user can misspell fails here, before any job starts, with the name, the place and a suggestion.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema
import yaml

from emospace import labels, plugin, selection, splits
from emospace.errors import InputError
from emospace.fetch import check_entry
from emospace.plugin import suggest
from emospace.provenance import PACKAGE_ROOT, canonical, code_digests, read_digests, read_json, write_json
from emospace.sources import closure
from workflow_scripts._raw import refresh

STATE = Path(".emospace")
FEATURE_KEYS = {"encoder", "weights", "select", "by"}
RUN_KEYS = {"model", "protocol", "inputs", "parents", "seeds"}
VIEWS = ("audio", "frames", "text")


def gpu_here() -> bool:
    """Is there an NVIDIA GPU on this machine?"""
    return any(Path("/dev").glob("nvidia[0-9]*"))


def prefer_this_python() -> None:
    """Let `python` in a rule be the Python that runs the workflow; an activated conda environment goes before it."""
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])


def _explain(error: jsonschema.ValidationError) -> InputError:
    where = "config: " + ": ".join(map(str, error.absolute_path)) if error.absolute_path else "config"
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        wrong = next(k for k in error.instance if k not in known)
        return InputError(where, f"unknown key {wrong!r}", suggest(wrong, known))
    hint = error.parent.schema.get("description", "") if error.parent else error.schema.get("description", "")
    return InputError(where, error.message, hint or "see schemas/config.schema.yaml")


def validate(config: dict) -> None:
    """Raise InputError for the first thing in the config that the schema does not allow."""
    schema = yaml.safe_load((PACKAGE_ROOT / "schemas/config.schema.yaml").read_text(encoding="utf-8"))
    errors = jsonschema.Draft202012Validator(schema).iter_errors(config)
    first = min(errors, key=lambda e: (len(e.absolute_path), str(e.message)), default=None)
    if first:
        raise _explain(first)


@dataclass
class Plan:
    """The config, validated and with its defaults; methods answer what rules ask.

    Names of parts, folds and seeds follow from the config alone, so the DAG is static.
    """

    config: dict
    recipes: dict[tuple[str, str], Path] = field(default_factory=dict)

    def __post_init__(self):
        validate(self.config)
        self._check_names()
        self._write_recipes()

    # What there is ---------------------------------------------------------------------------------------------

    def corpus(self, name: str) -> dict:
        return self.config["corpora"][name]

    def reader(self, corpus: str) -> str:
        return self.corpus(corpus).get("reader", corpus)

    def root(self, corpus: str) -> str:
        """Folder of a corpus: where the workflow makes it, or what the environment or the config says."""
        if self.generated(corpus):
            return f"data/raw/{corpus}"
        return os.environ.get(f"EMOSPACE_{corpus.upper()}") or self.corpus(corpus)["root"]

    def generated(self, corpus: str) -> bool:
        return "generate" in self.corpus(corpus)

    def parts(self, corpus: str) -> list[str]:
        count = self.corpus(corpus)["parts"]
        return [f"{i:0{len(str(count - 1))}d}" for i in range(count)]

    def protocol(self, name: str) -> dict:
        return {"folds": splits.FOLDS[self.config["protocols"][name]["split"]], "leaky": False} | self.config[
            "protocols"
        ][name]

    def protocols(self, corpus: str) -> list[str]:
        return [p for p, spec in self.config["protocols"].items() if spec["corpus"] == corpus]

    def folds(self, protocol: str) -> list[str]:
        return [f"fold{i}" for i in range(self.protocol(protocol)["folds"])]

    def run(self, name: str) -> dict:
        return {"inputs": [], "parents": [], "seeds": 1} | self.config["runs"][name]

    def run_corpus(self, run: str) -> str:
        return self.config["protocols"][self.run(run)["protocol"]]["corpus"]

    def seeds(self, run: str) -> list[int]:
        return [self.config["seed"] + k for k in range(self.run(run)["seeds"])]

    def baseline(self, run: str) -> str:
        """The linear probe that a run is compared with: the first one in the config on the same protocol."""
        wanted = {"model": "linear_probe", "protocol": self.run(run)["protocol"]}
        return next(name for name, spec in self.config["runs"].items() if wanted.items() <= spec.items())

    def feature(self, name: str) -> dict:
        view, encoder = name.split(".")
        return {"view": view, "encoder": encoder} | self.config["features"][name]

    def encoded(self) -> list[str]:
        """Features made by an encoder (the others are selections)."""
        return [f for f, spec in self.config["features"].items() if "select" not in spec]

    def selections(self) -> dict[str, dict]:
        """Features that are a selection of frames: name -> {select, by, ...}."""
        return {f: spec for f, spec in self.config["features"].items() if "select" in spec}

    def fetched(self) -> list[str]:
        """Records of all pretrained weights that the features need."""
        names = {self.feature(f).get("weights") for f in self.encoded()} - {None}
        return [f"models/{name}/weights.json" for name in sorted(names)]

    def uses_gpu(self, run: str) -> bool:
        """Does training this run occupy a GPU here? (Without one, such jobs may run side by side.)"""
        return getattr(plugin.find("models", self.run(run)["model"]), "GPU", False) and gpu_here()

    def used_features(self, corpus: str) -> list[str]:
        """Features that the runs on a corpus read."""
        wanted = {i for r in self.config["runs"] if self.run_corpus(r) == corpus for i in self.run(r)["inputs"]}
        return [f for f in self.config["features"] if f in wanted]

    # Names -----------------------------------------------------------------------------------------------------

    def _known(self, where: str, name: str, block: str) -> None:
        known = self.config.get(block, {})
        if name not in known:
            raise InputError(where, f"there is no {name!r} in {block}", suggest(name, known))

    def _check_names(self) -> None:
        for name in self.config["corpora"]:
            self._check_corpus(f"config: corpora: {name}", name)
        for view, options in self.config["views"].items():
            plugin.check_options("views", view, "extract", options, f"config: views: {view}")
        for name, entry in self.config.get("weights", {}).items():
            check_entry(entry, f"config: weights: {name}")
        for name in self.config["features"]:
            self._check_feature(f"config: features: {name}", name)
        for name in self.config["protocols"]:
            self._check_protocol(f"config: protocols: {name}", name)
        for name in self.config["runs"]:
            self._check_run(f"config: runs: {name}", name)

    def _check_corpus(self, where: str, name: str) -> None:
        plugin.check_options("corpora", self.reader(name), "index", self.corpus(name).get("options", {}), where)
        if self.generated(name):
            plugin.check_options("corpora", self.reader(name), "generate", self.corpus(name)["generate"], where)

    def _check_feature(self, where: str, name: str) -> None:
        spec = self.feature(name)
        if "select" in spec or "by" in spec:
            for key in ("select", "by"):
                self._known(where, spec.get(key, ""), "features")
            selection.check_options(self.feature_options(name), where)
            return
        if "weights" in spec:
            self._known(where, spec["weights"], "weights")
        module = plugin.find("encoders", spec["encoder"])
        if spec["view"] not in module.VIEWS:
            reason = f"the encoder {spec['encoder']!r} does not take the view {spec['view']!r}"
            raise InputError(where, reason, f"it takes: {', '.join(module.VIEWS)}")
        if ("weights" in spec) != module.WEIGHTS:
            reason = "needs pretrained weights" if module.WEIGHTS else "takes no weights"
            raise InputError(where, f"the encoder {spec['encoder']!r} {reason}", "see `weights` in the config")
        plugin.check_options("encoders", spec["encoder"], "load", self.feature_options(name), where)

    def feature_options(self, name: str) -> dict:
        return {k: v for k, v in self.config["features"][name].items() if k not in FEATURE_KEYS}

    def _check_protocol(self, where: str, name: str) -> None:
        spec = self.protocol(name)
        self._known(where, spec["corpus"], "corpora")
        labels.label_map(spec["labels"], self.config.get("labels"))
        if spec["split"] in splits.LEAKY and not spec["leaky"]:
            reason = f"the split {spec['split']!r} puts speakers on both sides"
            raise InputError(where, reason, "declare it with `leaky: true`; its numbers are then marked in every table")

    def _check_run(self, where: str, name: str) -> None:
        spec = self.run(name)
        self._known(where, spec["protocol"], "protocols")
        for item in spec["inputs"]:
            if item not in VIEWS:
                self._known(where, item, "features")
        for parent in spec["parents"]:
            self._known(where, parent, "runs")
            other = self.run(parent)
            if other["protocol"] != spec["protocol"] or other["seeds"] < spec["seeds"]:
                raise InputError(where, f"its parent {parent!r} has another protocol or fewer seeds", "make them agree")
        plugin.check_options("models", spec["model"], "train", self.run_options(name), where)
        if not any(s["model"] == "linear_probe" for s in self._siblings(spec["protocol"])):
            reason = f"no run with model linear_probe on the protocol {spec['protocol']!r}"
            raise InputError(where, reason, "add one: every table shows it as the baseline")

    def _siblings(self, protocol: str) -> list[dict]:
        return [s for s in self.config["runs"].values() if s["protocol"] == protocol]

    def run_options(self, name: str) -> dict:
        return {k: v for k, v in self.config["runs"][name].items() if k not in RUN_KEYS}

    # Recipes ---------------------------------------------------------------------------------------------------

    def recipe(self, rule: str, name: str = "all") -> str:
        """Path of a recipe, for a rule's `input:`."""
        return str(self.recipes[rule, name])

    def _recipe(self, rule: str, key: str = "all", /, *plugins: str, **content) -> None:
        """Write a recipe unless its content is there already, so that nothing reruns for nothing."""
        path = STATE / "recipes" / rule / f"{key}.json"
        modules = [f"workflow_scripts.{rule}", *(f"emospace.{p}" for p in plugins)]
        recipe = {"rule": rule, "code": code_digests(closure(*modules)), **content}
        if not path.exists() or path.read_text(encoding="utf-8") != canonical(recipe):
            write_json(path, recipe)
        self.recipes[rule, key] = path

    def _write_recipes(self) -> None:
        for corpus in self.config["corpora"]:
            self._corpus_recipes(corpus)
        for view in VIEWS:
            self._recipe(f"extract_{view}", options=self.config["views"].get(view, {}))
        for name, spec in self.config.get("weights", {}).items():
            self._recipe("fetch_models", name, name=name, options=spec)
        for name in self.config["features"]:
            self._feature_recipe(name)
        for name in self.config["protocols"]:
            self._protocol_recipes(name)
        for name in self.config["runs"]:
            self._run_recipes(name)
        self._recipe("summarize", options={})
        self._recipe("make_report", options={}, seed=self.config["seed"], config=self.config)

    def _corpus_recipes(self, corpus: str) -> None:
        spec, module = self.corpus(corpus), f"corpora.{self.reader(corpus)}"
        about = {"corpus": corpus, "plugin": self.reader(corpus), "options": spec.get("options", {})}
        if self.generated(corpus):
            options = {"seed": self.config["seed"]} | spec["generate"]
            self._recipe("make_demo", corpus, module, corpus=corpus, plugin=self.reader(corpus), options=options)
        self._recipe("index_part", corpus, module, parts=spec["parts"], **about)
        self._recipe("merge_manifest", corpus, module, **about)
        self._recipe("check_quality", corpus, options={"on_problem": self.config.get("on_problem", "warn")})

    def _feature_recipe(self, name: str) -> None:
        spec, options = self.feature(name), self.feature_options(name)
        if "select" in spec:
            self._recipe("select_frames", name, feature=name, select=spec["select"], by=spec["by"], options=options)
        else:
            encoder = spec["encoder"]
            self._recipe("embed", name, f"encoders.{encoder}", feature=name, plugin=encoder, options=options)

    def _protocol_recipes(self, name: str) -> None:
        spec = self.protocol(name)
        about = {"protocol": name, "corpus": spec["corpus"], "split": spec["split"], "leaky": spec["leaky"]}
        mapping = {"name": spec["labels"], "map": labels.label_map(spec["labels"], self.config.get("labels"))}
        self._recipe("make_protocol", name, labels=mapping, seed=self.config["seed"], folds=spec["folds"], **about)
        self._recipe("audit_protocol", name, **about)

    def _run_recipes(self, name: str) -> None:
        spec, protocol = self.run(name), self.protocol(self.run(name)["protocol"])
        about = {"run": name, "model": spec["model"], "protocol": spec["protocol"], "corpus": protocol["corpus"]}
        mapping = {"name": protocol["labels"], "map": labels.label_map(protocol["labels"], self.config.get("labels"))}
        options, reads = self.run_options(name), {"inputs": spec["inputs"], "parents": spec["parents"]}
        self._recipe("train", name, f"models.{spec['model']}", plugin=spec["model"], options=options, **reads, **about)
        baseline = self.baseline(name)
        details = {"labels": mapping, "baseline": baseline, "seeds": self.seeds(name), "seed": self.config["seed"]}
        self._recipe("evaluate", name, options={}, leaky=protocol["leaky"], **details, **about)

    # Raw files -------------------------------------------------------------------------------------------------

    def refresh_raw(self) -> None:
        """Rewrite the trigger files of parts whose raw files changed (see _raw.py)."""
        for corpus in self.config["corpora"]:
            manifests = Path("data/manifest", corpus)
            published = read_digests(sorted(manifests.glob("*.sha256")))
            made = Path(self.root(corpus), f"{corpus}.json")
            made_files = read_json(made)["files"] if self.generated(corpus) and made.exists() else {}
            group = plugin.find("corpora", self.reader(corpus)).group
            refresh(self.root(corpus), STATE / "raw" / corpus, self.parts(corpus), group, published, made_files)
