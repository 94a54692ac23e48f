"""Runs: stored outputs equal those of the stored models; runs read each other; planted models keep the contract.

Covers: runs/crossfitting, runs/run_files, runs/run_inputs.
"""

import csv
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from _folds import recipe, write_fold
from _small import CLASSES, INPUTS, SMALL, split
from conftest import ROOT, shipped

from emospace.core import plugin
from emospace.core.data import Fold
from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.plan.plan import Plan
from emospace.runs import crossfitting
from emospace.runs.applying import apply
from emospace.runs.run_files import read_trained, write_outputs
from workflow_scripts import _fold, apply_train, train

PLANTED = {"nearest_mean": "model", "stacked": "two_stage_model"}


def offer(monkeypatch, folder: Path, name: str, code: str) -> None:
    """Let this process find a model from another folder until the test ends."""
    package = importlib.import_module("emospace.models")
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    known = plugin.names
    monkeypatch.setattr(package, "__path__", [str(folder), *package.__path__])
    more = {name}
    monkeypatch.setattr(plugin, "names", lambda kind: sorted({*known(kind), *(more if kind == "models" else ())}))
    monkeypatch.delitem(sys.modules, f"emospace.models.{name}", raising=False)
    monkeypatch.setattr(plugin, "find", getattr(plugin.find, "__wrapped__", plugin.find))
    importlib.invalidate_caches()


@pytest.fixture(autouse=True)
def planted(tmp_path, monkeypatch) -> Path:
    """The example models of tests/plugins; changes to an empty working directory."""
    (tmp_path / "plug-ins").mkdir()
    for name, file in PLANTED.items():
        code = (ROOT / f"tests/plugins/{file}.py").read_text(encoding="utf-8")
        offer(monkeypatch, tmp_path / "plug-ins", name, code)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Runs:
    """Trainings of one fold, in this process."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.words = write_fold(folder)
        self.of: dict[str, list[str]] = {}
        self.model: dict[str, tuple] = {}

    def train(self, name: str, model: str, inputs=None, asked=(), **options) -> Path:
        inputs = list(inputs or INPUTS)
        parents = list(dict.fromkeys(i.removeprefix("run:").partition(".")[0] for i in inputs if i.startswith("run:")))
        words = list(self.words) if inputs == [*INPUTS] else self._with_features(inputs)
        words += ["--runs", *(f"{p}={self.folder / 'out' / p}" for p in parents), "--asked", *asked]
        self.of[name], self.model[name] = words, (model, options, inputs)
        self._job(train.job, name, self.folder / "out" / name)
        return self.folder / "out" / name

    def apply_train(self, name: str, crossfit: int = 0) -> Path:
        self._job(apply_train.job, name, self.folder / "out" / name / "train", crossfit=crossfit)
        return self.folder / "out" / name / "train"

    def _with_features(self, inputs: list[str]) -> list[str]:
        """The arguments, restricted to features among the inputs and their sidecars."""
        kept = []
        for option, *values in (block.split() for block in " ".join(self.words).removeprefix("--").split(" --")):
            if option == "input-sidecars":
                values = [path for path in values if Path(path).parent.name in inputs]
            if option != "input" or values[0] in inputs:
                kept += [f"--{option}", *values]
        return kept

    def _job(self, job, name: str, out: Path, **more) -> None:
        model, options, inputs = self.model[name]
        words = recipe(self.folder, model, options, inputs, run=name, **more)
        args = _fold.parser("").parse_args([*self.of[name], *words, "--out", str(out)])
        job(args, json.loads(args.recipe.read_text()))

    def fold(self, name: str) -> Fold:
        """The fold as the run sees it."""
        args = _fold.parser("").parse_args([*self.of[name], "--recipe", "x", "--out", "x"])
        model, _, inputs = self.model[name]
        return _fold.read(args, {"plugin": model, "inputs": inputs})


@pytest.fixture
def runs(planted) -> Runs:
    return Runs(planted)


def table(folder: Path) -> list[dict[str, str]]:
    with open(folder / "probabilities.csv", newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


# Stored outputs -------------------------------------------------------------------------------------------------


def test_applying_stored_models_reproduces_stored_outputs_to_the_bit(runs):
    runs.train("probe", "linear_probe")
    runs.train("space", "unified", **SMALL | {"epochs": 1})
    runs.train("near", "nearest_mean", sharpness=3.0)
    for name in ("probe", "space", "near"):
        runs.apply_train(name)
    runs.train("fused", "late_fusion", ["run:probe", "run:space"], asked=["probe", "space"])
    inputs = ["run:near", "run:space.embeddings", "run:near.distances"]
    runs.train("stack", "stacked", inputs, asked=["near", "space"])
    for name in runs.of:
        folder, fold = runs.folder / "out" / name, runs.fold(name)
        sides = {side: (rows, apply(folder, rows)) for side, rows in (("dev", fold.dev), ("test", fold.test))}
        again = write_outputs(runs.folder / "again" / name, fold.classes, sides)
        for path in again:
            assert path.read_bytes() == (folder / path.name).read_bytes(), path
        assert len(apply(folder, fold.train).probabilities) == 60
        one = apply(folder, fold.test.take([4]))
        np.testing.assert_allclose(one.probabilities, sides["test"][1].probabilities[[4]], atol=1e-6)
    assert {"extras.distances.npy", "extras.distances.offsets.npy"} <= {
        p.name for p in (runs.folder / "again/near").iterdir()
    }
    assert (runs.folder / "out/near/checkpoint.unscaled.safetensors").is_file()
    assert float(table(runs.folder / "out/space")[0]["arousal"]) == pytest.approx(2, abs=1e-3)  # all labels are 2


def test_hidden_inputs_are_treated_as_missing():
    rows = split(1, 9)
    hidden = rows.hiding(["text.sbert", "audio.mfcc"])
    assert [store.lengths.sum() > 0 for store in hidden.inputs.values()] == [False, True, False]
    assert hidden.present().tolist() == (rows.inputs["frames.clip"].lengths > 0).tolist()
    assert rows.hiding(INPUTS).present().tolist() == [False] * 9


# Two stages ----------------------------------------------------------------------------------------------------


def test_a_second_stage_trains_on_outputs_of_the_first_for_train_rows(runs):
    runs.train("near", "nearest_mean")
    seen = runs.apply_train("near")
    inputs = ["run:near.distances", "run:near", "frames.clip"]
    runs.train("mixed", "linear_probe", inputs, asked=["near"])
    fold = runs.fold("mixed")
    assert list(fold.train.inputs) == inputs and not fold.train.run_probabilities.keys() - {"run:near"}
    first = [float(table(seen)[0][name]) for name in CLASSES]
    assert fold.train.inputs["run:near"][0].tolist() == [pytest.approx(first)]
    assert table(seen)[0]["utterance"] == fold.train.utterances[0] and table(seen)[0]["split"] == "train"
    assert read_json(seen / "apply.json")["in_sample"] is True
    assert read_json(runs.folder / "out/mixed/run.json")["in_sample_runs"] == ["near"]
    right = np.argmax([[float(line[c]) for c in CLASSES] for line in table(runs.folder / "out/mixed")], 1)
    assert (right == np.arange(60) % 3).mean() > 0.7


def test_a_run_starts_from_the_weights_of_others_and_is_applied_without_them(runs):
    for path in runs.folder.glob("frames.clip/*.json"):
        path.write_text(json.dumps(read_json(path) | {"holds": "words"}))
    small = {"hidden": 4, "attention": 3, "epochs": 1}
    runs.train("a", "blstm", ["audio.mfcc"], **small)
    runs.train("w", "blstm", ["frames.clip"], **small)
    inputs = ["audio.mfcc", "frames.clip", "run:a.weights", "run:w.weights"]
    folder, fold = runs.train("fused", "blstm_fusion", inputs, epochs=1, lr=1e-9, size=3), runs.fold("fused")
    assert list(fold.train.inputs) == inputs[:2] and list(fold.parents) == inputs[2:]
    first, second = (read_trained(runs.folder / "out" / name).state for name in ("a", "fused"))
    name = "rnn.back.1.weight_hh_l0"
    np.testing.assert_allclose(second[f"network.encoders.0.{name}"], first[f"network.encoder.{name}"], atol=1e-6)
    outside = apply(folder, fold.test).probabilities
    stored = [[float(line[c]) for c in CLASSES] for line in table(folder) if line["split"] == "test"]
    np.testing.assert_allclose(outside, stored, atol=1e-6)
    assert str(runs.folder / "out/a/run.json") in read_json(folder / "run.json")["inputs"]


def test_cross_fitting_applies_models_that_have_not_seen_the_speaker(runs, monkeypatch):
    runs.train("near", "nearest_mean")
    inside = [line["ang"] for line in table(runs.apply_train("near"))]
    seen, learn = [], crossfitting.learn

    def spied(module, fold, options, **more):
        seen.append((set(fold.train.speakers), set(fold.test.speakers), set(fold.test.label)))
        return learn(module, fold, options, **more)

    monkeypatch.setattr(crossfitting, "learn", spied)
    lines = table(runs.apply_train("near", crossfit=3))
    assert [not train & test and labels == {-1} for train, test, labels in seen] == [True] * 3
    assert set.union(*(test for _, test, _ in seen)) == {f"s{i}" for i in range(6)}
    assert [line["utterance"] for line in lines] == [f"u{i}" for i in range(60)]
    assert [line["ang"] for line in lines] != inside
    assert read_json(runs.folder / "out/near/train/apply.json")["in_sample"] is False
    runs.train("stack", "stacked", ["run:near"], asked=["near"])
    assert read_json(runs.folder / "out/stack/run.json")["in_sample_runs"] == []
    with pytest.raises(InputError, match="6 train speakers cannot be dealt into 7 parts"):
        runs.apply_train("near", crossfit=7)


def test_cross_fitting_parts_hold_whole_speakers_and_are_of_equal_size():
    speakers = ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"] * 2
    part = crossfitting.parts_of(speakers, 2)
    assert [len(set(part[[s == name for s in speakers]])) for name in "abcd"] == [1] * 4
    assert np.bincount(part).tolist() == [7, 7]


def test_missing_embeddings_and_missing_rows_are_reported(runs):
    runs.train("probe", "linear_probe")
    with pytest.raises(InputError, match=r"out/probe/embeddings\.npy: the model gives no embeddings"):
        runs.train("stack", "stacked", ["run:probe.embeddings"])
    path = runs.folder / "out/probe/probabilities.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    with pytest.raises(InputError, match="it has no test row 'u119'"):
        runs.train("fused", "late_fusion", ["run:probe"])
    path.write_text("".join([*lines[:-1], lines[-1].replace("u119", "u1")]))
    with pytest.raises(InputError, match="it has no test row 'u119'"):
        runs.train("fused", "late_fusion", ["run:probe"])


# Violations of the contract ------------------------------------------------------------------------------------

WRONG = {  # edit of the example -> expected message
    ("Trained(state, fold", "Trained({'means': [1]}, fold"): r"Trained.state\['means'\] is list, not a numpy array",
    ("Trained(state, fold", "Trained({'x': np.array([np.nan])}, fold"): r"Trained.state\['x'\] holds NaN",
    ("fold.classes, history", "fold.classes[:2], history"): r"Trained.classes is \['ang', 'neu'\]",
    ('"sharpness": sharpness}', '"sharpness": {sharpness}}'): "Trained.facts cannot be written as JSON",
    ('"round": 1, "spread"', '"round": "first", "spread"'): "entry 1 'first' for round, which is no number",
    ('{"unscaled": {"means"', '{"other": {"means"'): r"Trained.checkpoints has 'other', which checkpoints\(\) does not",
    ("checkpoints={", "checkpoints={} and {"): r"Trained.checkpoints lacks 'unscaled', which checkpoints\(\) names",
    (
        "Output, Trained",
        "Trained\n\n\ndef Output(*arrays, **more):\n    return arrays",
    ): r"apply\(\) returned tuple, not",
    ("weights.sum(1, keepdims=True)", "2"): r"Output.probabilities has .* in row 0, which is no distribution",
    ("Output(weights", "Output(weights[1:]"): r"apply\(\) raised ValueError",
    ("keepdims=True), extras", "keepdims=True) * np.nan, extras"): "Output.probabilities holds values in row 0 that",
    (
        "Output(weights / weights.sum(1, keepdims=True)",
        "Output(np.ones((9, 3)) / 3",
    ): r"the shape \(9, 3\), not \(30, 3\)",
    ('extras={"distances"', 'extras={"gates"'): r"Output.extras has 'gates', which extras\(\) does not name",
    (
        "np.arange(len(rows) + 1)",
        "np.arange(len(rows) + 1)[[0, -1]]",
    ): r"Output.extras\['distances'\] has 1 rows, not 30",
    ('extras={"distances": ragged}', 'extras={"distances": distances}'): r"is not a Ragged of rows \(T, D\)",
    ("means = np.stack", "means = np.stak"): r"train\(\) raised AttributeError",
}


@pytest.mark.parametrize(("edit", "words"), WRONG.items(), ids=[str(k) for k in range(len(WRONG))])
def test_output_that_breaks_the_contract_is_rejected_before_anything_is_written(runs, monkeypatch, edit, words):
    code = (ROOT / "tests/plugins/model.py").read_text(encoding="utf-8")
    assert code.count(edit[0]) == 1
    offer(monkeypatch, runs.folder / "plug-ins", "wrong", code.replace(*edit))
    with pytest.raises(InputError, match=words) as caught:
        runs.train("wrong", "wrong")
    assert caught.value.file == "emospace/models/wrong.py" and "see Model in docs/contracts.md" in caught.value.remedy
    assert not (runs.folder / "out").exists()


# Plans ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(planted) -> dict:
    settings = shipped("config.yaml")
    (planted / "configs").symlink_to(ROOT / "configs")
    near = {"model": "nearest_mean", "protocol": "session", "inputs": ["audio.mfcc"]}
    stack = {"model": "stacked", "protocol": "session", "inputs": ["run:near.distances", "run:late_fusion"]}
    settings["runs"] |= {"near": near, "stack": stack}
    return settings


def test_a_plan_lists_the_files_of_runs_and_which_runs_are_applied_to_train_rows(config):
    plan = Plan(config)
    names = ["extras.distances.npy", "extras.distances.offsets.npy", "checkpoint.unscaled.safetensors"]
    assert (plan.run_files("near"), plan.run_files("stack"), plan.run_files("probe")) == (names, [], [])
    asked = [name for name in config["runs"] if plan.applied_to_train(name)]
    assert asked == ["probe_audio", "probe_frames", "probe_text", "late_fusion", "near"]
    assert plan.parents_on_train("stack") == ["near", "late_fusion"]
    assert plan.parents_on_train("late_fusion") == asked[:3]
    assert read_json(Path(plan.recipe("apply_train", "near")))["crossfit"] == 0
    before = plan.recipe("train", "near"), plan.recipe("apply_train", "near")
    config["runs"]["near"]["crossfit"] = 3
    after = (plan := Plan(config)).recipe("train", "near"), plan.recipe("apply_train", "near")
    assert before[0] == after[0] and before[1] != after[1]


def test_a_run_needs_as_many_seeds_of_its_parent_unless_that_is_deterministic(config):
    config["runs"]["stack"]["seeds"] = 3
    plan = Plan(config)
    assert [plan.parent_seed("near", seed) for seed in plan.seeds("stack")] == [config["seed"]] * 3
    config["runs"]["stack"]["inputs"] = ["run:unified.embeddings"]
    with pytest.raises(InputError, match=r"parent 'unified' has fewer seeds\. give the parent `seeds: 3`"):
        Plan(config)


def test_cyclic_runs_are_rejected(config):
    config["runs"]["near"] = config["runs"]["stack"] | {"inputs": ["run:stack"]}
    config["runs"]["stack"]["inputs"] = ["run:near"]
    with pytest.raises(InputError, match="runs: near: it reads 'run:stack', which reads it in turn"):
        Plan(config)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ('["../x"]', r"extras\(\) gives \['../x'\], not names of letters"),
        ('["embeddings"]', "with a name that is taken"),
        ('["a", "a"]', "with a name that is taken"),
        ('"gates" + 1', r"extras\(\) raised TypeError"),
    ],
)
def test_names_of_extras_are_checked_during_planning(config, planted, monkeypatch, names, words):
    code = (ROOT / "tests/plugins/model.py").read_text(encoding="utf-8").replace('["distances"]', names, 1)
    offer(monkeypatch, planted / "plug-ins", "wrong", code)
    config["runs"] = {n: r for n, r in config["runs"].items() if n not in ("near", "stack")}
    config["runs"]["wrong"] = {"model": "wrong", "protocol": "session", "inputs": ["audio.mfcc"]}
    with pytest.raises(InputError, match=words):
        Plan(config)


def test_a_model_that_needs_weights_must_name_configured_weights(config, planted, monkeypatch):
    code = (ROOT / "tests/plugins/model.py").read_text(encoding="utf-8") + "\nWEIGHTS = True\n"
    offer(monkeypatch, planted / "plug-ins", "tuned", code)
    config["runs"]["tuned"] = {"model": "tuned", "protocol": "session", "inputs": ["audio.mfcc"]}
    with pytest.raises(InputError, match="the model 'tuned' needs pretrained weights"):
        Plan(config)
    config["runs"]["tuned"]["weights"] = "minlm"
    with pytest.raises(InputError, match="no 'minlm' in weights"):
        Plan(config)
    name = next(iter(config["weights"]))
    config["runs"]["tuned"]["weights"] = name
    plan = Plan(config)
    assert f"weights/{name}/weights.json" in plan.fetched()
    assert read_json(Path(plan.recipe("train", "tuned")))["weights"] == name


# Histories -----------------------------------------------------------------------------------------------------
