"""Runs whose weights were trained on the corpus that they test are marked, and the audit names the weights."""

import copy
import json
from pathlib import Path

import pytest
from _audits import BY_ID, DIGESTS, clean, run_script
from _augmented import NAMES, augmented
from conftest import ROOT, shipped

from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.evaluation.tables import marks
from emospace.plan.plan import Plan
from emospace.plan.run_summary import declared
from emospace.report.trust import cautions
from emospace.weights.fetch import check_entry

PROBE = {"model": "linear_probe", "protocol": "session"}
LOCAL = {"source": "local", "path": "somewhere", "files": {"model.safetensors": None}}


@pytest.fixture(scope="module")
def config() -> dict:
    """The demo and RAVDESS, with features of each type of source, and runs that read other runs."""
    config = shipped("config.yaml")
    config = augmented(config, {name: dict(LOCAL) for name in NAMES})
    config["corpora"]["acted"] = {"root": "data/raw/ravdess", "parts": 3, "reader": "ravdess"}
    two = {"demo": {"ang": "angry", "sad": "sad"}, "acted": {"05": "angry", "04": "sad"}}
    config["labels"] = {f"{name}_two": codes for name, codes in two.items()}
    across = {"split": "random", "leaky": False, "labels": {name: f"{name}_two" for name in two}}
    config["protocols"] = {"session": config["protocols"]["session"]}
    config["protocols"]["out"] = across | {"train": ["demo"], "test": ["acted"], "split": "speaker"}
    config["features"] |= {"text.clip": {"weights": "clip"}}
    config["features"]["frames.top"] = {"select": "frames.clip", "by": "text.clip", "k": 1}
    inputs = {"sound": ["audio.mfcc"], "speech": ["audio.whisper"], "words": ["text.sbert"], "face": ["frames.top"]}
    config["runs"] = {name: PROBE | {"inputs": read} for name, read in inputs.items()}
    config["runs"]["both"] = PROBE | {"model": "late_fusion", "inputs": ["run:speech", "run:sound"]}
    config["runs"]["copies"] = PROBE | {"inputs": ["text.sbert"], "augment": ["text_bt"]}
    config["runs"]["away"] = PROBE | {"protocol": "out", "inputs": ["audio.whisper"]}
    return config


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")


def plan(config: dict, weights: str = "", *seen: str) -> Plan:
    config = copy.deepcopy(config)
    if weights:
        config["weights"][weights]["seen"] = list(seen)
    return Plan(config)


def marked(plan: Plan) -> dict[str, list[str]]:
    return {run: plan.leaks(run) for run in plan.config["runs"] if plan.leaks(run)}


@pytest.mark.parametrize(
    ("weights", "corpus", "reached"),
    [
        ("whisper_tiny_en", "demo", {"speech", "both"}),
        ("whisper_tiny_en", "acted", {"away"}),
        ("whisper_tiny_en", "ravdess", {"away"}),  # matched by its reader
        ("whisper_tiny_en", "iemocap", set()),
        ("minilm", "demo", {"words", "copies"}),
        ("clip", "demo", {"face"}),  # through a selection
    ],
)
def test_runs_that_test_a_corpus_seen_by_their_weights_are_marked(config, weights, corpus, reached):
    planned = plan(config, weights, corpus, "a corpus that is not in the config")
    assert marked(planned) == {run: [f"weights:{weights}"] for run in reached}
    assert {run: read_json(planned.recipes["evaluate", run])["leaks"] for run in reached} == marked(planned)


def test_weights_of_an_augmented_view_count_too(config):
    name = config["views"]["text_bt"]["chain"][0]
    assert marked(plan(config, name, "demo")) == {"copies": [f"weights:{name}"]}


def test_only_recipes_that_report_seen_weights_change(config):
    before = plan(config).recipes
    after = plan(config, "whisper_tiny_en", "demo").recipes
    changed = {key for key, path in after.items() if path != before[key]}
    assert {rule for rule, _ in changed} == {"evaluate", "audit_protocol", "make_report"}
    assert ("audit_protocol", "session") in changed and ("audit_protocol", "out") not in changed
    assert read_json(after["audit_protocol", "session"])["seen"] == {"whisper_tiny_en": ["demo"]}


def test_seen_weights_are_reported_at_the_end_of_a_run(config):
    planned = plan(config, "whisper_tiny_en", "ravdess")
    assert "seen: weights whisper_tiny_en were trained on acted, tested by out; marked" in declared(planned)
    assert not [line for line in declared(plan(config)) if line.startswith("seen")]


def test_the_audit_and_the_report_name_seen_weights(tmp_path):
    done = run_script(tmp_path, clean(), BY_ID, DIGESTS, seen={"big": ["demo"]})
    assert done.returncode == 0 and "the weights big were trained on demo, which is tested" in done.stderr
    audit = json.loads((tmp_path / "audit.json").read_text())
    assert audit["seen"] == {"big": ["demo"]} and audit["ok"]
    metas = [{"run": r, "protocol": "p", "leaks": leaks} for r, leaks in (("a", ["weights:big"]), ("b", []))]
    rest = {"random_inputs": [], "missing": [], "corpus": "x", "intervals": "y", "cluster_unit": "speaker"}
    rest |= {"method": "bootstrap", "training_noise_not_included": [], "in_sample_runs": []}
    shown = cautions([], [audit | {"recipe": {"protocol": "p"}}], [meta | rest for meta in metas], [])
    assert [c["title"] for c in shown if c["level"] == "bad"] == ["Weights big were trained on demo"]
    assert shown[0]["text"].endswith("Runs marked with *: a.")
    others = dict.fromkeys(["random_weights", "training_noise_not_included", "in_sample"], "")
    assert marks({"run": "a", "leaky": True} | others) == "*"


def test_a_misspelt_corpus_gives_a_warning_and_an_unknown_one_does_not(config):
    (warning,) = plan(config, "clip", "iemocpa", "esd", "msp_podcast", "meld").warnings
    assert "config: weights: clip: seen" in warning and "did you mean 'iemocap'?" in warning


def test_seen_must_be_a_list(config):
    with pytest.raises(InputError, match=r"config: weights: clip: seen"):
        config = copy.deepcopy(config)
        config["weights"]["clip"]["seen"] = "demo"
        Plan(config)
    entry = {"source": "local", "path": "x", "files": {"a.json": None}, "seen": ["demo"]}
    check_entry(entry, "config: weights: x")
    assert Path("configs").exists()
