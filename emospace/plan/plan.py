"""What the config asks for, checked: the Snakefile's view of the project, free of Snakemake.

Everything a user can misspell fails here, before any job starts, with the name, the place and a suggestion.
"""

import inspect
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.core.steps import named
from emospace.evaluation import measures
from emospace.features.export import ENCODERS, FOLDERS, RATE
from emospace.features.export import VIEWS as EXPORTED_VIEWS
from emospace.plan.checks import check_names, validate
from emospace.plan.recipes import write_recipes
from emospace.plan.reserved import check_reserved
from emospace.plan.run_products import analyses, sections
from emospace.plan.triggers import Recorded, described, triggers
from emospace.plan.views import FEATURE_KEYS, PROTOCOL_KEYS, RUN_KEYS, Views
from emospace.protocols import labels
from emospace.protocols.fold_tables import SIDES
from emospace.runs.run_files import files_of
from emospace.runs.run_inputs import run_of

STATE = Path(".emospace")
GPU_FILES = ("nvidia[0-9]*", "kfd", "dxg")  # below /dev; to ask PyTorch would take seconds at every planning


def gpu_here() -> bool:
    """Is there a GPU on this machine that PyTorch may use: one of NVIDIA, of AMD (ROCm), or that of Windows in WSL?"""
    return any(file for name in GPU_FILES for file in Path("/dev").glob(name))


def prefer_this_python() -> None:
    """Let `python` in a rule be the Python that runs the workflow; an activated conda environment goes before it."""
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])


@dataclass
class Plan:
    """The config, validated and with its defaults; methods answer what rules ask.

    Names of parts, folds and seeds follow from the config alone, so the DAG is static.
    """

    config: dict
    recipes: dict[tuple[str, str], Path] = field(default_factory=dict)  # given only if they were planned before
    warnings: list[str] = field(default_factory=list)  # what is allowed, and most often a mistake
    raw: dict[str, dict[str, str]] = field(default_factory=dict)  # corpus -> part -> its trigger file
    roots: dict[str, str] = field(default_factory=dict)  # where corpora lay when this was planned
    absent: dict[str, InputError] = field(default_factory=dict)  # corpora of which no file is here

    def __post_init__(self):
        if not self.recipes:
            validate(self.config)
            check_names(self)
            self.config = self.config | {"sections": sections(self), "analyses": analyses(self)}
            check_reserved(self)
            self.recipes = write_recipes(self, STATE / "recipes")

    def recipe(self, rule: str, name: str = "all") -> str:
        """Path of a recipe, for a rule's `input:`."""
        return str(self.recipes[rule, name])

    def touch_recipes(self) -> None:
        """Make every recipe newer than whatever is here, so that no time stamp can vouch for an artifact.

        Snakemake compares a newer input by content with what it recorded of the job, and runs a job again of which it
        has no record, as of all that was pulled and not adopted.
        """
        for path in self.recipes.values():
            path.touch()

    # What there is ---------------------------------------------------------------------------------------------

    @property
    def views(self) -> Views:
        return Views(self.config)

    @property
    def name(self) -> str:
        """What the config is called, and the folder of all that belongs to it alone."""
        return self.config["name"]

    def corpus(self, name: str) -> dict:
        return self.config["corpora"][name]

    def reader(self, corpus: str) -> str:
        return self.corpus(corpus).get("reader", corpus)

    def reader_options(self, corpus: str) -> dict:
        return self.corpus(corpus).get("options", {})

    def told(self, corpus: str) -> dict:
        """What the reader of a corpus says of it in the place of its attributes (Corpus.about)."""
        module = plugin.find("corpora", self.reader(corpus))
        found = module.about(Path(self.root(corpus)), **self.reader_options(corpus))
        merged = Path(f"data/manifest/{corpus}.json")
        if found and "codes" not in found and not module.CODES and merged.exists():  # it is not here, and was
            found |= {"codes": read_json(merged)["codes"]}
        return found

    def codes(self, corpus: str) -> dict[str, str]:
        """Every label code of a corpus -> its name; {} where only the corpus tells them, and it is not here."""
        return self.told(corpus).get("codes", plugin.find("corpora", self.reader(corpus)).CODES)

    def root(self, corpus: str) -> str:
        """Folder of a corpus: where the workflow makes it, or what the environment or the config says."""
        if corpus in self.roots:
            return self.roots[corpus]
        if self.generated(corpus):
            return f"data/raw/{corpus}"
        return os.environ.get(f"EMOSPACE_{corpus.upper()}") or self.corpus(corpus)["root"]

    def generated(self, corpus: str) -> bool:
        return "generate" in self.corpus(corpus)

    def parts(self, corpus: str) -> list[str]:
        count = self.corpus(corpus)["parts"]
        return [f"{i:0{len(str(count - 1))}d}" for i in range(count)]

    def protocol(self, name: str) -> dict:
        """A protocol with its defaults; `folds` is the number that its split deals."""
        spec = self.config["protocols"][name]
        folds = plugin.find("splits", spec["split"]).FOLDS
        return {"folds": folds, "leaky": False, "rows": {}, "without": [], "labels": labels.OWN} | spec

    def protocol_options(self, name: str) -> dict:
        return {k: v for k, v in self.config["protocols"][name].items() if k not in PROTOCOL_KEYS}

    def protocol_corpora(self, name: str) -> list[str]:
        """The corpora whose rows a protocol takes, those to train on first."""
        spec = self.config["protocols"][name]
        found = [spec["corpus"]] if isinstance(spec.get("corpus"), str) else spec.get("corpus", [])
        return [*found, *spec.get("train", []), *spec.get("test", [])]

    def protocols(self, corpus: str) -> list[str]:
        return [p for p in self.config["protocols"] if corpus in self.protocol_corpora(p)]

    def labels(self, protocol: str) -> dict[str, dict]:
        """Corpus -> the name of its label map in a protocol, and the map."""
        wanted, corpora = self.protocol(protocol)["labels"], self.protocol_corpora(protocol)
        names = wanted if isinstance(wanted, dict) else dict.fromkeys(corpora, wanted)
        return {corpus: {"name": names[corpus], "map": self._map(names[corpus], corpus)} for corpus in corpora}

    def _map(self, name: str, corpus: str) -> dict[str, str]:
        extra = self.config.get("labels", {})
        if name == labels.OWN and name not in extra:
            return labels.own(self.codes(corpus), self.root(corpus))
        return labels.label_map(name, extra)

    def sides(self, protocol: str) -> list[str]:
        """The sides that each fold of a protocol has rows on."""
        spec = self.protocol(protocol)
        untested = ["test"] if "train" in spec and not spec.get("test") else []
        return [side for side in SIDES if side not in [*spec["without"], *untested]]

    def folds(self, protocol: str) -> list[str]:
        """Names of the folds; only one where a protocol names corpora to train on."""
        spec = self.protocol(protocol)
        return [f"fold{i}" for i in range(1 if "train" in spec else spec["folds"])]

    def run(self, name: str) -> dict:
        return {"inputs": [], "augment": [], "seeds": 1} | self.config["runs"][name]

    def sources(self, run: str) -> list[str]:
        """The features and views that a run reads."""
        return [name for name in self.run(run)["inputs"] if not run_of(name)]

    def parents(self, run: str) -> list[str]:
        """The runs whose outputs a run reads."""
        return list(dict.fromkeys(filter(None, map(run_of, self.run(run)["inputs"]))))

    def parent_seed(self, parent: str, seed: int) -> int:
        """The seed of a parent that goes with one of its child: the same, or the only one that makes a difference."""
        return seed if seed in self.seeds(parent) else self.seeds(parent)[0]

    def asks(self, run: str) -> list[str]:
        """The parents of a run that are applied to their train rows."""
        return self.parents(run) if self.model(run).LEARNS or self.asked(run) else []

    def asked(self, run: str) -> bool:
        """Is a run applied to its train rows, for another one that learns from what it says?"""
        return any(run in self.asks(child) for child in self.config["runs"] if run in self.parents(child))

    def model(self, run: str) -> ModuleType:
        return plugin.find("models", self.run(run)["model"])

    def extras(self, run: str) -> list[str]:
        """Names of the further outputs of a run."""
        return plugin.declared(self.model(run), "extras", self.run_options(run))

    def run_files(self, run: str) -> list[str]:
        """Names of the files that a training stores beside those of every run."""
        return files_of(self.extras(run), plugin.declared(self.model(run), "checkpoints", self.run_options(run)))

    def run_options(self, name: str) -> dict:
        return {k: v for k, v in self.config["runs"][name].items() if k not in RUN_KEYS}

    def run_corpora(self, run: str) -> list[str]:
        return self.protocol_corpora(self.run(run)["protocol"])

    def seeds(self, run: str) -> list[int]:
        return [self.config["seed"] + k for k in range(self.run(run)["seeds"])]

    def baselines(self, protocol: str) -> list[str]:
        """Linear probes on a protocol that learn from no augmented row."""
        wanted = {"model": "linear_probe", "protocol": protocol}.items()
        return [n for n, s in self.config["runs"].items() if wanted <= s.items() and not s.get("augment")]

    def baseline(self, run: str) -> str:
        """The run that a run is compared with: what `versus` names, or the first linear probe on the same protocol.

        One whose inputs tell of labels would hide any gain, so it is taken only where there is no other.
        """
        there = self.baselines(self.run(run)["protocol"])
        honest = (name for name in there if {*self.leaks(name)} <= {"protocol"})
        return self.run(run).get("versus") or next(honest, None) or there[0]

    def other_protocol(self, run: str) -> str:
        """The protocol of the run that a run is compared with, "" if it is the same."""
        found = self.run(self.baseline(run))["protocol"]
        return "" if found == self.run(run)["protocol"] else found

    def metrics(self) -> list[str]:
        """The metrics that tables show, in order."""
        return self.config.get("metrics", list(measures.DEFAULT))

    def compare_by(self) -> str:
        """The metric by which tables compare runs."""
        return measures.compared_by(self.metrics(), self.config.get("compare_by"))

    def stochastic(self, run: str) -> bool:
        """Does the result of this run depend on the seed: by its model, or by that of a run that it reads?"""
        found = [run]
        for name in found:
            found += [parent for parent in self.parents(name) if parent not in found]
        return not all(self.model(name).DETERMINISTIC for name in found)

    def leaks(self, run: str) -> list[str]:
        """What tells a run something of its test rows: "protocol", views, features, runs and weights:<name>; sorted."""
        spec = self.run(run)
        found = {"protocol"} if self.protocol(spec["protocol"])["leaky"] else set()
        found |= {run} if spec.get("leaky") else set()
        for name in [*self.sources(run), *spec["augment"], *(instead for _, _, instead in self.exchanges(run))]:
            found |= self.leaks_of(name)
        for parent in self.parents(run):
            found |= set(self.leaks(parent))
        return sorted(found | {f"weights:{name}" for name in self.seen(run)})

    def seen(self, run: str) -> dict[str, list[str]]:
        """Weights behind the inputs or the model of a run -> the corpora tested that they were trained on, if any."""
        spec = self.run(run)
        behind = {spec["weights"]} if "weights" in spec else set()
        for name in [*self.sources(run), *spec["augment"], *(instead for _, _, instead in self.exchanges(run))]:
            behind |= self.weights_of(name)
        protocol = self.protocol(spec["protocol"])
        tested = protocol.get("test", []) if "train" in protocol else self.protocol_corpora(spec["protocol"])
        seen = {name: self.config["weights"][name].get("seen", []) for name in sorted(behind)}
        found = {name: [c for c in tested if {c, self.reader(c)} & set(corpora)] for name, corpora in seen.items()}
        return {name: corpora for name, corpora in found.items() if corpora}

    def seen_in(self, protocol: str) -> dict[str, list[str]]:
        """The same of all runs on a protocol."""
        mine = [run for run, spec in self.config["runs"].items() if spec["protocol"] == protocol]
        return dict(sorted({name: corpora for run in mine for name, corpora in self.seen(run).items()}.items()))

    def weights_of(self, name: str) -> set[str]:
        """Weights that a view or feature, or anything that it is made from, is made with."""
        found = {self.feature(name).get("weights")} - {None} if "." in name else set(self.views.weights(name))
        for source in self.made_from(name):
            found |= self.weights_of(source)
        return found

    def leaks_of(self, name: str) -> set[str]:
        """The views and features, among a view or feature and all that it is made from, that are declared leaky."""
        spec = self.feature(name) if "." in name else self.views.spec(name)
        found = {name} if spec.get("leaky") else set()  # that a view has to be declared is checked when planned
        for source in self.made_from(name):
            found |= self.leaks_of(source)
        return found

    def made_from(self, name: str) -> list[str]:
        """The views and features that a view or feature is made from at once."""
        if "." not in name:
            return self.views.sources(name)
        spec = self.feature(name)
        return [spec["view"], *(spec[k] for k in ("select", "by") if k in spec)]

    def uses_gpu(self, run: str) -> bool:
        """Does training this run use a GPU where there is one?"""
        return self.model(run).GPU

    # Features --------------------------------------------------------------------------------------------------

    def feature(self, name: str) -> dict:
        view, encoder = name.split(".")
        return {"view": view, "encoder": encoder} | self.config["features"][name]

    def feature_options(self, name: str) -> dict:
        return {k: v for k, v in self.config["features"][name].items() if k not in FEATURE_KEYS}

    def encoder(self, name: str) -> ModuleType:
        """The module that makes a feature."""
        return plugin.find("encoders", self.feature(name)["encoder"])

    def feature_files(self, name: str) -> list[str]:
        """Files outside the workflow that the options of a feature name."""
        found = named(self.encoder(name).load, self.feature_options(name), "files")
        return [path for paths in found.values() for path in paths]

    def names_known(self, name: str) -> list[str]:
        """Corpora whose utterances the encoder of a feature is told, so that it can refuse any other."""
        return [*self.config["corpora"]] if "known" in inspect.signature(self.encoder(name).load).parameters else []

    def encoded(self) -> list[str]:
        """Features made by an encoder (the others are selections)."""
        return [f for f, spec in self.config["features"].items() if "select" not in spec]

    def selections(self) -> dict[str, dict]:
        """Features that are a selection of frames: name -> {select, by, ...}."""
        return {f: spec for f, spec in self.config["features"].items() if "select" in spec}

    def augmented_features(self) -> list[str]:
        """Features of augmented views."""
        return [f for f in self.config["features"] if self.views.is_augmented(f)]

    def used_features(self, corpus: str) -> list[str]:
        """Features of the corpus's own views that runs on it read, or that augmented ones are compared or made with."""
        wanted = {i for r in self.config["runs"] if corpus in self.run_corpora(r) for i in self.sources(r)}
        wanted |= {parent for parent, _ in filter(None, map(self.gate_features, self.augmented()))}
        wanted |= {self.feature(f)["by"] for f in self.augmented_features() if f in self.selections()}
        return [f for f in self.config["features"] if f in wanted]

    def read_views(self, corpus: str) -> list[str]:
        """Views of the corpus's own rows that anything reads which the config asks to be made of that corpus."""
        features = [*self.used_features(corpus), *self.augmented_features()]
        for name in features:  # a selection reads two others
            spec = self.feature(name)
            features += [spec[key] for key in ("select", "by") if key in spec and spec[key] not in features]
        runs = [run for run in self.config["runs"] if corpus in self.run_corpora(run)]
        inputs = [i for run in runs for i in self.sources(run) if "." not in i]
        read = self.views.with_sources([*(self.feature(f)["view"] for f in features), *inputs, *self.augmented()])
        return sorted(view for view in read if not self.views.is_augmented(view))

    def extractable(self) -> list[str]:
        """Views of the corpus's own rows that there are rules for: what the config names, and what is exported."""
        named = [*self.config["views"], *(self.feature(f)["view"] for f in self.config["features"])]
        named += [i for run in self.config["runs"] for i in self.sources(run) if "." not in i]
        found = self.views.with_sources([*named, *EXPORTED_VIEWS])
        return sorted(view for view in found if not self.views.is_augmented(view))

    def exported(self) -> list[str]:
        """The feature of each view that its folder of the export is meant for; none of a view without features.

        Raises InputError where a view has others only, or two such to choose from.
        """
        found = []
        for view, folder in FOLDERS.items():
            known = [f for f in self.encoded() if self.feature(f)["view"] == view]
            wanted = ENCODERS[self.views.parent(view)]
            fit = [f for f in known if self.feature(f)["encoder"] == wanted]
            if known and len(fit) != 1:
                where, wants = "config: features", f"the export's {folder} takes one feature of {view} by {wanted}"
                if fit:
                    raise InputError(where, f"{wants}, not {' and '.join(fit)}", "export with a config that has one")
                raise InputError(where, f"{wants}, not {' or '.join(known)}", f"add {view}.{wanted}")
            if fit and self.views.rate(view) not in (None, RATE):
                reason = f"the export's {folder} is of {RATE} Hz, and {view} of {self.views.rate(view)}"
                raise InputError(f"config: views: {view}", reason, "give a view of another rate another name")
            found += fit
        return sorted(found)

    def used_weights(self) -> list[str]:
        """Names of the pretrained weights that anything needs which the config asks to be made."""
        features = {f for c in self.config["corpora"] for f in self.used_features(c)} | set(self.augmented_features())
        for name in features & self.selections().keys():
            features |= {self.feature(name)["select"], self.feature(name)["by"]}
        names = {self.feature(f).get("weights") for f in features} - {None}
        read = {view for corpus in self.config["corpora"] for view in self.read_views(corpus)}
        names |= {name for view in [*self.augmented(), *read] for name in self.views.weights(view)}
        names |= {spec["weights"] for spec in self.config["runs"].values() if "weights" in spec}
        return sorted(names)

    def fetched(self) -> list[str]:
        """Records of the pretrained weights in use."""
        return [f"weights/{name}/weights.json" for name in self.used_weights()]

    # Augmentation ----------------------------------------------------------------------------------------------

    def augmented(self) -> list[str]:
        """The augmented views that the config asks for."""
        return self.views.augmented()

    def gate_features(self, view: str) -> tuple[str, str] | None:
        """(feature of the parent, the same of the augmented view) by which rows of the view are judged, if any."""
        found = next((f for f in self.augmented_features() if self.feature(f)["view"] == view), None)
        return (self.views.in_parent(found), found) if found else None

    def learnt(self, protocol: str) -> list[str]:
        """The augmented views whose copies a run on a protocol learns from."""
        wanted = {v for r in map(self.run, self.config["runs"]) if r["protocol"] == protocol for v in r["augment"]}
        return [view for view in self.augmented() if view in wanted]

    def probed(self, view: str) -> bool:
        """Does the gate train a probe per fold to see whether the rows of a view still carry their labels?"""
        return self.views.module(view).PROBE

    def exchanges(self, run: str) -> list[tuple[str, str, str]]:
        """(input, view, what is read in its place for a child of that view) wherever a run's augmentation does so."""
        spec = self.run(run)
        pairs = [(i, view) for view in spec["augment"] for i in self.sources(run)]
        return [(i, v, self.views.in_child(i, v)) for i, v in pairs if i.partition(".")[0] == self.views.parent(v)]

    # Raw files -------------------------------------------------------------------------------------------------

    def refresh_raw(self, recorded: Recorded) -> None:
        """Look at all raw files (see _watch.py); warn of a corpus that is not here, and of what cannot be read."""
        for corpus in self.config["corpora"]:
            odd: dict[str, str] = {}
            self.raw[corpus], absent = triggers(self, corpus, STATE / "raw" / corpus, recorded, odd)
            if odd:
                self.warnings.append(described(self.root(corpus), odd))
            if absent:
                self.absent[corpus] = absent
                self.warnings.append(str(absent))

    def refuse_absent(self, corpora: Iterable[str]) -> None:
        """Raise InputError if one of the corpora that are to be read is not here."""
        for corpus in sorted(self.absent.keys() & set(corpora)):
            absent = self.absent[corpus]
            raise InputError(absent.file, f"no file of {corpus!r} is there, and it is to be read", absent.remedy)
