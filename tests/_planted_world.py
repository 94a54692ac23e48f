"""The examples of docs/contracts.md in this process: their plan, and all their jobs in order."""

import copy
from argparse import Namespace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import yaml
from _planted import PLUGINS, examples, merged, offer, tones

from docs.write_contracts import PLACES
from emospace.core import plugin
from emospace.plan import plan, recipes
from workflow_scripts import (
    analyse,
    audit_protocol,
    augment_view,
    embed,
    evaluate,
    extract_view,
    index_part,
    make_protocol,
    make_report,
    merge_manifest,
    score_view,
    train,
)

# The base config of all examples: two audio features, a probe, and a model of both.
BASE = {
    "name": "planted",
    "seed": 1,
    "corpora": {},
    "views": {},
    "features": {"audio.mfcc": {}, "audio.low": {"encoder": "mfcc", "coefficients": 8}},
    "protocols": {},
    "runs": {
        "probe": {"model": "linear_probe", "protocol": "tones", "inputs": ["audio.mfcc"]},
        "space": {"model": "unified", "protocol": "tones", "inputs": ["audio.mfcc", "audio.low"], "epochs": 8},
    },
}
KINDS = {folder: kind for kind, (folder, _) in plugin.KINDS.items()}


def whole() -> dict:
    """Return a config with the lines of every example."""
    return copy.deepcopy(_whole())


@cache
def _whole() -> dict:
    config = BASE
    for name in examples():
        config = merged(config, yaml.safe_load((PLUGINS / f"{name}.yaml").read_text(encoding="utf-8")))
    return config


def code_of(example: str) -> str:
    return (PLUGINS / f"{example}.py").read_text(encoding="utf-8")


def place_of(example: str) -> tuple[str, str]:
    """Kind and name of an example's plug-in."""
    folder, _, name = PLACES[example][1].removesuffix(".py").rpartition("/")
    return KINDS[folder], name


def put(monkeypatch, folder: Path, example: str, code: str) -> None:
    """Install an example in this process, with this code."""
    kind, name = place_of(example)
    (folder / kind).mkdir(parents=True, exist_ok=True)
    offer(monkeypatch, folder / kind, kind, name, code)


def plan_of(monkeypatch, config: dict) -> plan.Plan:
    """Check the config and return its plan without recipes, because these plug-ins are outside the project."""
    monkeypatch.setattr(plan, "write_recipes", lambda plan, folder: {("none", "none"): folder})
    return plan.Plan(config)


def recipes_of(plan) -> dict[tuple[str, str], dict]:
    """(rule, key) -> recipe without code."""
    return {(rule, key): {"rule": rule, **content} for rule, key, _, content in recipes._all(plan)}


class World:
    """The jobs from the recordings to the report, below `folder`; `out` redirects the outputs of the current job."""

    def __init__(self, folder: Path, recipes: dict):
        self.folder, self.recipes = folder, recipes
        tones(folder / "tones", speakers=6, each=1)

    def at(self, *names: str) -> list[Path]:
        return [self.folder / name for name in names]

    def index(self, out: Path) -> None:
        names = ("manifest", "quality", "audio_digests", "video_digests", "words")
        files = {name: out / f"0.{name}.csv" for name in names} | {"manifest": out / "0.csv"}
        about = {"corpus": "tones", "corpus_root": self.folder / "tones", "part": "0", "parts": 1, "made": []}
        index_part.job(Namespace(**about, **files), self.recipes["index_part", "tones"])

    def merge(self, out: Path) -> None:
        part = self.folder / "m"
        files = {"out": out / "tones.csv", "out_quality": out / "tones.quality.csv", "sidecar": out / "tones.json"}
        args = Namespace(manifest=[part / "0.csv"], quality=[part / "0.quality.csv"], **files)
        merge_manifest.job(args, self.recipes["merge_manifest", "tones"])

    def protocol(self, out: Path, name: str = "turns") -> None:
        tables = [out / name / f"fold{k}.csv" for k in range(3)]
        made = {"out": tables, "sidecar": out / f"{name}.json"}
        shared = {"manifest": self.at("m/tones.csv"), "manifest_sidecar": self.at("m/tones.json")}
        make_protocol.job(Namespace(**shared, **made), self.recipes["make_protocol", name])

    def audit(self, out: Path, name: str = "turns") -> None:
        shared = {"manifest": self.at("m/tones.csv"), "manifest_sidecar": self.at("m/tones.json")}
        read = {"protocol": self.folder / f"p/{name}.json", "folds": sorted((self.folder / "p" / name).glob("*.csv"))}
        args = Namespace(**shared, **read, digests=self.at("m/0.audio_digests.csv"), out=out / "audit.json")
        audit_protocol.job(args, self.recipes["audit_protocol", name])

    def _view(self, out: Path) -> dict:
        made = {"out": out / "0.npy", "quality": out / "0.quality.csv", "sidecar": out / "0.json"}
        given = {"manifest": self.folder / "m/0.csv", "cache": None, "threads": 1, "weights": [], "read": []}
        return made | given | {"corpus_root": self.folder / "tones", "inputs": self.at("m/0.audio_digests.csv")}

    def extract(self, out: Path, view: str = "loudness") -> None:
        extract_view.job(Namespace(**self._view(out)), self.recipes["extract_view", view])

    def augment(self, out: Path, step: str = "") -> None:
        args = Namespace(**self._view(out), source=self.folder / "v/tones/audio/0.npy")
        augment_view.job(args, self.recipes["augment_view", f"louder.{step}".rstrip(".")])

    def score(self, out: Path) -> None:
        files = {"parent": self.folder / "v/tones/audio/0.npy", "child": self.folder / "v/tones/louder/0.npy"}
        files |= {"manifest": self.folder / "m/0.csv", "out": out / "0.csv", "sidecar": out / "0.json"}
        score_view.job(Namespace(**files, features=[], read=[], sidecars=[]), self.recipes["score_view", "louder"])

    def embed(self, out: Path) -> None:
        view = self.folder / "v/tones/loudness"
        made = {"out": out / "0.npy", "sidecar": out / "0.json", "known": [], "threads": 1, "weights": None}
        given = {"view": view / "0.npy", "view_sidecar": view / "0.json", "manifest": self.folder / "m/0.csv"}
        embed.job(Namespace(**made, **given), self.recipes["embed", "loudness.moments"])

    def _stored(self, run: str, fold: int) -> Path:
        return self.folder / f"r/{run}/fold{fold}-1"

    def train(self, out: Path, run: str = "probe", fold: int = 0) -> None:
        feature = self.folder / "f/tones/loudness.moments"
        read = {"fold": self.folder / f"p/turns/fold{fold}.csv", "protocol": self.folder / "p/turns.json"}
        given = {"children": [], "child_audits": [], "exchange": [], "asked": [], "runs": [], "weights": []}
        given |= {"manifests": []}
        given |= {"input": [["loudness.moments", str(feature / "0.npy")]], "input_sidecars": [feature / "0.json"]}
        if run == "stacked":
            given |= {"input": [], "input_sidecars": [], "runs": [f"probe={self._stored('probe', fold)}"]}
        about = {"seed": 1, "threads": 1, "audit": self.folder / "p/audit.json"}
        train.job(Namespace(**read, **given, **about, out=out), self.recipes["train", run])

    def _run(self, run: str) -> dict:
        tables = sorted((self.folder / "p/turns").glob("*.csv"))
        shared = {"protocol": self.folder / "p/turns.json", "folds": tables, "manifest": self.at("m/tones.csv")}
        return shared | {"run_dirs": [self._stored(run, k) for k in range(3)]}

    def evaluate(self, out: Path) -> None:
        made = {"out": out / "metrics.json", "predictions": out / "predictions.csv", "confusion": out / "confusion.csv"}
        other = {name: [] for name in ("baseline_dirs", "other_manifest", "other_protocol", "other_folds")}
        evaluate.job(Namespace(**self._run("probe"), **made, **other), self.recipes["evaluate", "probe"])

    def analyse(self, out: Path) -> None:
        feature = self.folder / "f/tones/loudness.moments"
        given = {"input": [["loudness.moments", str(feature / "0.npy")]], "input_sidecars": [feature / "0.json"]}
        given |= {
            "parents": [],
            "manifests": [],
            "view": [],
            "weights": [],
            "threads": 1,
            "manifest_sidecar": self.at("m/tones.json"),
        }
        run = self._run("probe")
        analyse.job(
            Namespace(**run | {"protocol": [run["protocol"]]}, **given, out=out),
            self.recipes["analyse", "mistakes.probe"],
        )

    def report(self, out: Path) -> None:
        names = ("metrics", "runs", "audit", "quality", "manifest_sidecar", "feature_sidecars", "sheets", "gates")
        given = {name: [] for name in (*names, "analyses")} | {"summary": self.folder / "s/summary.csv"}
        make_report.job(SimpleNamespace(**given, out=out / "report.html"), self.recipes["make_report", "all"])

    def make(self) -> None:
        """Run all jobs up to the evaluation with the unchanged plug-ins."""
        for name, folder in (("index", "m"), ("merge", "m"), ("protocol", "p"), ("audit", "p")):
            getattr(self, name)(self.folder / folder)
        for view in ("loudness", "audio"):
            self.extract(self.folder / "v/tones" / view, view)
        self.augment(self.folder / "v/tones/louder")
        self.score(self.folder / "v/scores")
        self.embed(self.folder / "f/tones/loudness.moments")
        for run in ("probe", "stacked"):
            for fold in range(3):
                self.train(self._stored(run, fold), run, fold)
        self.evaluate(self.folder / "e")
        self.analyse(self.folder / "a")
