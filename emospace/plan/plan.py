"""The plan of a config, independent of Snakemake: what each rule needs to know, with the config checked first.

Every misspelt name or option fails here, before any job starts, with the name, the place and a suggestion.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.corpora._attributes import attributes
from emospace.features.export import ENCODERS, FOLDERS, RATE
from emospace.features.export import VIEWS as EXPORTED_VIEWS
from emospace.plan.checks import check_names, validate
from emospace.plan.entries import Entries
from emospace.plan.expansion import expanded, place
from emospace.plan.recipes import write_recipes
from emospace.plan.reserved import check_reserved
from emospace.plan.run_products import analyses, sections
from emospace.plan.triggers import Recorded, described, triggers
from emospace.protocols import labels

STATE = Path(".emospace")
GPU_FILES = ("nvidia[0-9]*", "kfd", "dxg")  # below /dev; importing PyTorch would add seconds to every plan


def gpu_here() -> bool:
    """Does this machine have a GPU that PyTorch may use: NVIDIA, AMD (ROCm), or the one of Windows under WSL?"""
    return any(file for name in GPU_FILES for file in Path("/dev").glob(name))


def prefer_this_python() -> None:
    """Make `python` in rules the interpreter that runs the workflow, unless a conda environment is activated."""
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])


@dataclass
class Plan(Entries):
    """A validated config with everything that follows from it; the rules call its methods.

    Names of parts, folds and seeds follow from the config alone, so the DAG is static.
    """

    recipes: dict[tuple[str, str], Path] = field(default_factory=dict)  # empty unless written by an earlier process
    warnings: list[str] = field(default_factory=list)  # allowed settings that are probably mistakes
    raw: dict[str, dict[str, str]] = field(default_factory=dict)  # corpus -> part -> its trigger file
    roots: dict[str, str] = field(default_factory=dict)  # folders of the corpora at planning time
    absent: dict[str, InputError] = field(default_factory=dict)  # corpora without any file on this machine

    def __post_init__(self):
        if not self.recipes:
            validate(self.config)
            written, self.config = self.config, expanded(self.config)
            check_names(self, lambda run: place(written, run))
            self.config = self.config | {"sections": sections(self), "analyses": analyses(self)}
            check_reserved(self)
            self.recipes = write_recipes(self, STATE / "recipes")

    def recipe(self, rule: str, name: str = "all") -> str:
        """Return the path of a recipe, for a rule's `input:`."""
        return str(self.recipes[rule, name])

    def touch_recipes(self) -> None:
        """Make every recipe newer than all artifacts, so that no artifact is trusted for its time stamp.

        Snakemake compares the content of a newer input with its record of the job, and reruns a job without a record,
        such as one whose outputs were pulled but not adopted.
        """
        for path in self.recipes.values():
            path.touch()

    # Corpora ---------------------------------------------------------------------------------------------------

    def about(self, corpus: str) -> dict:
        """Return the values that replace attributes of a corpus's reader (Corpus.about)."""
        module = plugin.find("corpora", self.reader(corpus))
        replaced = module.about(Path(self.root(corpus)), **self.reader_options(corpus))
        merged = Path(f"data/manifest/{corpus}.json")
        if replaced and "codes" not in replaced and not module.CODES and merged.exists():  # absent now, indexed before
            replaced |= {"codes": read_json(merged)["codes"]}
        return replaced

    def attributes(self, corpus: str) -> dict:
        """Return codes, licence, public, citation and note of a corpus."""
        return attributes(plugin.find("corpora", self.reader(corpus)), self.about(corpus))

    def codes(self, corpus: str) -> dict[str, str]:
        """Return each label code of a corpus -> its name; {} if only the corpus itself has them and it is absent."""
        return self.attributes(corpus)["codes"]

    def root(self, corpus: str) -> str:
        """Return the folder of a corpus: where the workflow generates it, or as the environment or the config sets."""
        if corpus in self.roots:
            return self.roots[corpus]
        if self.generated(corpus):
            return f"data/raw/{corpus}"
        return os.environ.get(f"EMOSPACE_{corpus.upper()}") or self.corpus(corpus)["root"]

    def labels(self, protocol: str) -> dict[str, dict]:
        """Return corpus -> {name, map} of its label map in a protocol."""
        setting, corpora = self.protocol(protocol)["labels"], self.protocol_corpora(protocol)
        names = setting if isinstance(setting, dict) else dict.fromkeys(corpora, setting)
        return {corpus: {"name": names[corpus], "map": self._map(names[corpus], corpus)} for corpus in corpora}

    def _map(self, name: str, corpus: str) -> dict[str, str]:
        extra = self.config.get("labels", {})
        if name == labels.OWN and name not in extra:
            return labels.own(self.codes(corpus), self.root(corpus))
        if name == labels.COMMON and name not in extra:
            return labels.common({other: self.codes(other) for other in self.config["corpora"]})[corpus]
        return labels.label_map(name, extra)

    def refresh_raw(self, recorded: Recorded) -> None:
        """Update the triggers of all raw files (see raw_files.py); warn of absent corpora and unreadable files."""
        for corpus in self.config["corpora"]:
            odd: dict[str, str] = {}
            self.raw[corpus], absent = triggers(self, corpus, STATE / "raw" / corpus, recorded, odd)
            if odd:
                self.warnings.append(described(self.root(corpus), odd))
            if absent:
                self.absent[corpus] = absent
                self.warnings.append(str(absent))

    def refuse_absent(self, corpora: Iterable[str]) -> None:
        """Raise InputError if one of these corpora, which a job is about to read, is absent."""
        for corpus in sorted(self.absent.keys() & set(corpora)):
            absent = self.absent[corpus]
            raise InputError(absent.file, f"no file of {corpus!r} is there, but a job must read it", absent.remedy)

    # Runs ------------------------------------------------------------------------------------------------------

    def parents_on_train(self, run: str) -> list[str]:
        """Return the parents of a run that are applied to their own train rows."""
        return self.predicting(run) if self.model(run).LEARNS or self.applied_to_train(run) else []

    def applied_to_train(self, run: str) -> bool:
        """Is a run applied to its train rows, because another run learns from its outputs?"""
        return any(run in self.parents_on_train(child) for child in self.config["runs"] if run in self.parents(child))

    def baselines(self, protocol: str) -> list[str]:
        """Return the linear probes on a protocol that train without augmented rows."""
        required = {"model": "linear_probe", "protocol": protocol}.items()
        return [n for n, s in self.config["runs"].items() if required <= s.items() and not s.get("augment")]

    def baseline(self, run: str) -> str:
        """Return the run that a run is compared with: `versus`, or the first linear probe on the same protocol.

        A probe with leaky inputs would hide any gain, so it is used only if there is no other.
        """
        probes = self.baselines(self.run(run)["protocol"])
        sound = (name for name in probes if {*self.leaks(name)} <= {"protocol"})
        return self.run(run).get("versus") or next(sound, None) or probes[0]

    def other_protocol(self, run: str) -> str:
        """Return the protocol of a run's baseline, or "" if it is the run's own."""
        protocol = self.run(self.baseline(run))["protocol"]
        return "" if protocol == self.run(run)["protocol"] else protocol

    def stochastic(self, run: str) -> bool:
        """Does the result depend on the seed, through the run's model or that of a run that it reads?"""
        runs = [run]
        for name in runs:
            runs += [parent for parent in self.parents(name) if parent not in runs]
        return not all(self.model(name).DETERMINISTIC for name in runs)

    # Leaks -----------------------------------------------------------------------------------------------------

    def leaks(self, run: str) -> list[str]:
        """Return the sources of leakage from test rows: "protocol", views, features, runs, weights:<name>; sorted."""
        spec = self.run(run)
        leaks = {"protocol"} if self.protocol(spec["protocol"])["leaky"] else set()
        leaks |= {run} if spec.get("leaky") else set()
        for name in self._read_or_learnt(run):
            leaks |= self.leaks_of(name)
        for parent in self.parents(run):
            leaks |= set(self.leaks(parent))
        return sorted(leaks | {f"weights:{name}" for name in self.seen_corpora(run)})

    def _read_or_learnt(self, run: str) -> list[str]:
        """Return the views and features that a run reads or trains on."""
        spec = self.run(run)
        return [*self.sources(run), *spec["augment"], *(instead for _, _, instead in self.exchanges(run))]

    def seen_corpora(self, run: str) -> dict[str, list[str]]:
        """Return weights behind a run's inputs or model -> the test corpora that they were pretrained on, if any."""
        spec = self.run(run)
        weights = {spec["weights"]} if "weights" in spec else set()
        for name in self._read_or_learnt(run):
            weights |= self.weights_of(name)
        protocol = self.protocol(spec["protocol"])
        tested = protocol.get("test", []) if "train" in protocol else self.protocol_corpora(spec["protocol"])
        seen = {name: self.config["weights"][name].get("seen", []) for name in sorted(weights)}
        by_weights = {n: [c for c in tested if {c, self.reader(c)} & set(corpora)] for n, corpora in seen.items()}
        return {name: corpora for name, corpora in by_weights.items() if corpora}

    def seen_corpora_in(self, protocol: str) -> dict[str, list[str]]:
        """Return the same for all runs on a protocol."""
        runs = [run for run, spec in self.config["runs"].items() if spec["protocol"] == protocol]
        return dict(sorted({n: corpora for run in runs for n, corpora in self.seen_corpora(run).items()}.items()))

    def weights_of(self, name: str) -> set[str]:
        """Return the weights used for a view or feature, directly or through its sources."""
        weights = {self.feature(name).get("weights")} - {None} if "." in name else set(self.views.weights(name))
        for source in self.direct_sources(name):
            weights |= self.weights_of(source)
        return weights

    def leaks_of(self, name: str) -> set[str]:
        """Return the views and features declared leaky among a view or feature and all its sources."""
        spec = self.feature(name) if "." in name else self.views.spec(name)
        leaky = {name} if spec.get("leaky") else set()  # check_names has refused leaky views that are not declared
        for source in self.direct_sources(name):
            leaky |= self.leaks_of(source)
        return leaky

    # Views, features and weights -------------------------------------------------------------------------------

    def used_features(self, corpus: str) -> list[str]:
        """Return the features of a corpus's own views that runs on it read or that its augmented features need."""
        used = {i for r in self.config["runs"] if corpus in self.run_corpora(r) for i in self.sources(r)}
        used |= {self.gate_features(view)[0] for view in self.augmented() if self.judged_by_features(view)}
        used |= {self.feature(f)["by"] for f in self.augmented_features() if f in self.selections()}
        return [f for f in self.config["features"] if f in used]

    def read_views(self, corpus: str) -> list[str]:
        """Return the views of a corpus's own rows that any output of the config needs."""
        features = [*self.used_features(corpus), *self.augmented_features()]
        for name in features:  # a selection reads two others
            spec = self.feature(name)
            features += [spec[key] for key in ("select", "by") if key in spec and spec[key] not in features]
        runs = [run for run in self.config["runs"] if corpus in self.run_corpora(run)]
        inputs = [i for run in runs for i in self.sources(run) if "." not in i]
        inputs += self.views_of_analyses(runs)
        read = self.views.with_sources([*(self.feature(f)["view"] for f in features), *inputs, *self.augmented()])
        return sorted(view for view in read if not self.views.is_augmented(view))

    def extractable(self) -> list[str]:
        """Return the views of a corpus's own rows that have rules: those in the config, and those exported."""
        names = [*self.config["views"], *(self.feature(f)["view"] for f in self.config["features"])]
        names += [i for run in self.config["runs"] for i in self.sources(run) if "." not in i]
        names += self.views_of_analyses(self.config["runs"])
        views = self.views.with_sources([*names, *EXPORTED_VIEWS])
        return sorted(view for view in views if not self.views.is_augmented(view))

    def views_of_analyses(self, runs: Iterable[str]) -> list[str]:
        """Return the views that analyses of these runs read."""
        chosen, analyses = set(runs), self.config.get("analyses", {})
        used = [name for name, spec in analyses.items() if chosen & {*spec.get("runs", chosen)}]
        return [view for name in used for view in self.analysed_views(name)]

    def exported(self) -> list[str]:
        """Return the feature of each view that the export writes; none for a view without features.

        Raises InputError if a view has only other features, or more than one that fits.
        """
        exported = []
        for view, folder in FOLDERS.items():
            features = [f for f in self.encoded() if self.feature(f)["view"] == view]
            encoder = ENCODERS[self.views.parent(view)]
            fitting = [f for f in features if self.feature(f)["encoder"] == encoder]
            if features and len(fitting) != 1:
                where, needs = "config: features", f"the export's {folder} takes one feature of {view} by {encoder}"
                if fitting:
                    raise InputError(
                        where, f"{needs}, not {' and '.join(fitting)}", "export with a config that has one"
                    )
                raise InputError(where, f"{needs}, not {' or '.join(features)}", f"add {view}.{encoder}")
            if fitting and self.views.rate(view) not in (None, RATE):
                reason = f"the export's {folder} has a sample rate of {RATE} Hz, but {view} has {self.views.rate(view)}"
                raise InputError(f"config: views: {view}", reason, "give a view of another rate another name")
            exported += fitting
        return sorted(exported)

    def used_weights(self) -> list[str]:
        """Return the names of all pretrained weights that any output of the config needs."""
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

    def gate_features(self, view: str) -> tuple[str, str] | None:
        """Return the pair of features (parent's, augmented view's) by which the gate judges a view, if any."""
        feature = next((f for f in self.augmented_features() if self.feature(f)["view"] == view), None)
        return (self.views.in_parent(feature), feature) if feature else None

    def judged_by_features(self, view: str) -> bool:
        """Does the gate read the features of `gate_features`, for the scores of a view or for its probe?"""
        scores = self.views.takes(self.views.module(view).score, "features")
        return bool(self.gate_features(view)) and (scores or self.probed(view))

    def training_views(self, protocol: str) -> list[str]:
        """Return the augmented views whose copies any run on a protocol trains on."""
        used = {v for r in map(self.run, self.config["runs"]) if r["protocol"] == protocol for v in r["augment"]}
        return [view for view in self.augmented() if view in used]

    def probed(self, view: str) -> bool:
        """Does the gate train a probe per fold to check whether copies still carry their labels?"""
        return self.views.module(view).PROBE and self.views.gate(view).get("min_agreement", 0) is not None

    def exchanges(self, run: str) -> list[tuple[str, str, str]]:
        """Return (input, augmented view, replacement of the input for children of that view), for all augmentations."""
        pairs = [(i, view) for view in self.run(run)["augment"] for i in self.sources(run)]
        return [(i, view, instead) for i, view in pairs if (instead := self.replacement(i, view))]

    def replacement(self, name: str, view: str) -> str:
        """Return what replaces an input for children of an augmented view, "" if nothing does.

        Inputs from the view's parent are replaced, and those that a feature of the view names under `replaces`.
        """
        if name.partition(".")[0] == self.views.parent(view):
            return self.views.in_child(name, view)
        own = [f for f in self.augmented_features() if self.feature(f)["view"] == view]
        return next((f for f in own if name in self.feature(f).get("replaces", ())), "")
