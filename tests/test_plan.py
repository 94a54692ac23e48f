"""The config is closed: whatever is misspelt is refused before any job, with its name, its place and a suggestion."""

import copy
import re

import pytest
import yaml
from conftest import ROOT

from emospace.errors import InputError
from workflow_scripts._plan import Plan, validate


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Recipes are written below the working directory."""
    monkeypatch.chdir(tmp_path)


def presets():
    return ["config.yaml", *(f"configs/{p.name}" for p in sorted((ROOT / "configs").glob("*.yaml")))]


@pytest.mark.parametrize("preset", presets())
def test_shipped_presets_are_valid(preset):
    Plan(yaml.safe_load((ROOT / preset).read_text()))


def refused(config, *words):
    with pytest.raises(InputError) as caught:
        Plan(config)
    for word in words:
        assert re.search(word, str(caught.value)), str(caught.value)


def edit(config, path, value):
    config = copy.deepcopy(config)
    *above, last = path
    block = config
    for key in above:
        block = block[key]
    block[last] = value
    return config


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["sead"], 1, ["unknown key 'sead'", "did you mean 'seed'"]),
        (["corpora", "demo", "part"], 5, ["corpora: demo", "unknown key 'part'", "'parts'"]),
        (["corpora", "demo", "options"], {"expect_count": True}, ["unexpected option 'expect_count'", "expect_counts"]),
        (["features", "audio.mfcc"], {"coeficients": 13}, ["features: audio.mfcc", "'coeficients'", "'coefficients'"]),
        (["features", "audio.mfc"], {}, ["no 'mfc' among the encoders", "'mfcc'"]),
        (["features", "text.mfcc"], {}, ["does not take the view 'text'"]),
        (["features", "text.sbert"], {}, ["needs pretrained weights"]),
        (["features", "text.sbert", "weights"], "minlm", ["no 'minlm' in weights", "'minilm'"]),
        (["views", "frame"], {}, ["unknown key 'frame'", "'frames'"]),
        (["views", "frames"], {"frame": 3}, ["'frame'", "'frames'"]),
        (["protocols", "session", "labels"], "iemocap3", ["no label map of this name", "iemocap"]),
        (["protocols", "session", "splitt"], "x", ["'splitt'", "'split'"]),
        (["protocols", "random", "leaky"], False, ["declare it with `leaky: true`"]),
        (["runs", "unified", "model"], "unifed", ["no 'unifed' among the models", "'unified'"]),
        (["runs", "unified", "modality_dropuot"], 0.1, ["runs: unified", "modality_dropout"]),
        (["runs", "unified", "inputs"], ["audio.mfc"], ["audio.mfcc"]),
        (["runs", "late_fusion", "parents"], ["probe_radom"], ["probe_random"]),
        (["runs", "late_fusion", "parents"], ["probe_random"], ["another protocol"]),
        (["runs", "unified", "seeds"], 0, ["runs: unified: seeds"]),
        (["runs", "Unified"], {"model": "unified", "protocol": "session"}, ["Unified"]),
    ],
)
def test_mistakes_are_refused_by_name(config, path, value, words):
    refused(edit(config, path, value), *words)


def test_the_baseline_is_mandatory(config):
    runs = {"unified": config["runs"]["unified"]}
    refused(edit(config, ["runs"], runs), "no run with model linear_probe")


def test_every_key_of_the_schema_is_described():
    schema = yaml.safe_load((ROOT / "schemas/config.schema.yaml").read_text())

    def undescribed(node, path=""):
        for key, value in node.get("properties", {}).items():
            if "description" not in value and not value.get("$ref"):
                yield f"{path}.{key}"
            yield from undescribed(value, f"{path}.{key}")
        if isinstance(node.get("additionalProperties"), dict):
            yield from undescribed(node["additionalProperties"], f"{path}.*")

    assert list(undescribed(schema)) in ([], [".weights.*.source"])


def test_recipes_change_only_with_their_own_options(config):
    first = Plan(config)
    before = {key: path.stat().st_mtime_ns for key, path in first.recipes.items()}
    second = Plan(edit(config, ["features", "audio.mfcc"], {"coefficients": 13}))
    changed = {key for key, path in second.recipes.items() if path.stat().st_mtime_ns != before[key]}
    assert changed == {("embed", "audio.mfcc"), ("make_report", "all")}


def test_roots_come_from_the_environment(config, monkeypatch):
    plan = Plan(yaml.safe_load((ROOT / "configs/ravdess.yaml").read_text()))
    monkeypatch.setenv("EMOSPACE_RAVDESS", "/some where/it's")
    assert plan.root("ravdess") == "/some where/it's"


def test_validate_names_the_place_of_a_wrong_type(config):
    with pytest.raises(InputError, match="config: corpora: demo: parts"):
        validate(edit(config, ["corpora", "demo", "parts"], "five"))
