"""The config is checked before any job: a mistake is refused with its name, its place and a suggestion.

Covers: core/option_types, plan/checks, plan/entries, plan/outside_files, plan/recipes, plan/snapshot,
plan/view_checks, plan/views, views/_chains.
"""

import copy
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from typing import Annotated, Any, Literal, TypeVar

import pytest
import yaml
from conftest import ROOT, shipped

from emospace.core import option_types, plugin
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, read_recipe
from emospace.gate import tables
from emospace.plan.checks import validate
from emospace.plan.plan import STATE, Plan
from emospace.plan.snapshot import freeze, thaw
from emospace.protocols import labels


@pytest.fixture
def config():
    return shipped("config.yaml")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Change to a temporary folder: plans write recipes below the working directory and read sentence pairs there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")


def presets():
    return ["config.yaml", *(f"configs/{p.name}" for p in sorted((ROOT / "configs").glob("*.yaml")))]


def test_the_documented_thresholds_are_the_defaults():
    page = (ROOT / "docs/augmentation.md").read_text(encoding="utf-8")
    documented = yaml.safe_load(re.search(r"```yaml\n(gate:.*?)```", page, re.DOTALL)[1])["gate"]
    assert len(documented) == 3
    for view, options in documented.items():
        module = plugin.find("views", view)
        functions = [module.score, tables.verdict_of] if module.PROBE else [module.score]
        known = {p.name: p.default for f in functions for p in inspect.signature(f).parameters.values()}
        limits = {name: value for name, value in known.items() if name.startswith(("min_", "max_"))}
        assert options == limits


@pytest.mark.parametrize("preset", presets())
def test_shipped_presets_are_valid(preset):
    Plan(shipped(preset))


ABLATIONS = {  # preset -> run -> augmented views on which it trains, in contrast to the run `none`
    "ablation_demo": {"text": ["text_bt"], "audio": ["audio_tts"], "images": ["frames_aug"]},
    "ablation_ravdess": {"audio": ["audio_tts"]},
    "iemocap_augmented": {"text": ["text_bt"], "audio": ["audio_tts"], "images": ["frames_aug"]},
}


@pytest.mark.parametrize("preset", ABLATIONS)
def test_the_runs_of_an_ablation_differ_only_in_augmentation(preset):
    config = shipped(f"configs/{preset}.yaml")
    views = dict(ABLATIONS[preset])
    if len(views) > 1:
        views["all"] = [view for alone in ABLATIONS[preset].values() for view in alone]
    plan, none = Plan(config), config["runs"]["none"]
    assert {"model": "unified", "seeds": 3}.items() <= none.items() and not {"augment", "versus"} & none.keys()
    assert {name for name in config["runs"] if plan.run(name)["model"] == "unified"} == {"none", *views}
    for name, augment in views.items():
        # Compared as written: protocol, model, inputs, seeds and all options.
        assert config["runs"][name] == none | {"augment": augment, "versus": "none"}
        assert plan.baseline(name) == "none" and plan.seeds(name) == plan.seeds("none") == [1, 2, 3]
        # Each view replaces an input; otherwise the run would not use it.
        assert [view for _, view, _ in plan.exchanges(name)] == augment


def test_the_preset_of_the_space_switches_off_one_loss_at_a_time_and_all_that_the_corpus_uses():
    """The losses of ratings and of augmented rows have nothing to learn from here."""
    config = shipped("configs/space_ravdess.yaml")
    plan, unified = Plan(config), config["runs"]["unified"]
    losses = ["contrastive", "alignment", "reconstruction", "gender"]
    without = {f"no_{loss}": {loss: 0} for loss in losses} | {"emotion_only": dict.fromkeys(losses, 0)}
    without |= {"no_linear_path": {"linear": False}}
    alone = {f"only_{name.partition('.')[2]}": {"inputs": [name]} for name in unified["inputs"]}
    runs = {name: unified | changed | {"versus": "unified"} for name, changed in (without | alone).items()}
    probes = {f"probe_{name[5:]}": config["runs"]["probe"] | changed for name, changed in alone.items()}
    learnt = {
        f"learnt_{name[5:]}": unified | changed | {"linear": False, "versus": f"probe_{name[5:]}"}
        for name, changed in alone.items()
    }
    assert config["runs"] == {"probe": config["runs"]["probe"], "unified": unified} | runs | probes | learnt
    assert plan.baseline("unified") == "probe" and config["runs"]["probe"]["inputs"] == unified["inputs"]
    assert plan.seeds("unified") == [1, 2, 3] and not {"augment", *losses, "linear"} & unified.keys()
    analyses = plan.config["analyses"]
    assert {*analyses["space"]["runs"]} == {"unified", *runs, *learnt} and {*analyses["subsets"]["alone"]} == {*alone}


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


def fixed_keys(block, path=(), *, named=("corpora", "weights", "protocols", "runs", "features", "labels", "files")):
    """Yield (path, key) of every key in a config except names that users choose."""
    for key, value in block.items() if isinstance(block, dict) else ():
        if not path or path[-1] not in named:
            yield path, key
        yield from fixed_keys(value, (*path, key), named=named)


def test_the_preset_of_several_corpora_has_every_pair_and_their_common_classes():
    config = shipped("configs/cross_corpus.yaml")
    plan, corpora = Plan(config), set(config["corpora"])
    pairs = {(train, test) for train in corpora for test in corpora if train != test}
    sides = {name: (spec.get("train"), spec.get("test")) for name, spec in config["protocols"].items()}
    single = {(train[0], test[0]) for train, test in sides.values() if train and len(train) == 1}
    others = {test[0]: set(train) for train, test in sides.values() if train and len(train) > 1}
    assert single == pairs and others == {name: corpora - {name} for name in corpora}
    assert {spec["corpus"] for spec in config["protocols"].values() if "corpus" in spec} == corpora
    runs = {(spec["protocol"], *spec["inputs"]) for spec in config["runs"].values()}
    assert runs == {(name, feature) for name in sides for feature in config["features"]}
    maps = [label_map["map"] for name in sides for label_map in plan.labels(name).values()]
    assert {tuple(labels.classes(mapping)) for mapping in maps} == {("anger", "neutral")}
    assert plan.labels("ravdess")["ravdess"] == {"name": "common", "map": {"05": "anger", "01": "neutral"}}


@pytest.mark.parametrize("preset", ["config.yaml", "configs/ablation_demo.yaml"])
def test_the_intended_key_is_suggested_for_every_misspelt_key(preset):
    config = shipped(preset)
    keys = [(path, key) for path, key in fixed_keys(config) if len(key) > 2]
    assert len(keys) > 40
    for path, key in keys:
        wrong = block = copy.deepcopy(config)
        for name in path:
            block = block[name]
        block[key[:1] + key[2:]] = block.pop(key)
        refused(wrong, repr(key[:1] + key[2:]), f"did you mean '{key}'")


@pytest.mark.parametrize(("key", "wrong"), [("features", "featurs"), ("protocols", "protocl")])
def test_a_misspelt_block_is_reported_before_the_missing_one(config, key, wrong):
    config[wrong] = config.pop(key)
    refused(config, f"^config: unknown key '{wrong}'. did you mean '{key}'")


def test_the_intended_view_is_suggested_for_a_feature_of_a_misspelt_view(config):
    config["features"]["fames.clip"] = config["features"].pop("frames.clip")
    refused(config, "'fames.clip' is a feature of an unknown view. did you mean 'frames'")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["name"], "My demo", ["config: name", "'My demo' does not match", "results/<name>"]),
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
        (["protocols", "session", "labels"], "iemocap3", ["no label map has this name", "iemocap"]),
        (["protocols", "session", "labels"], "ravdess4", ["has '01', which is not a code of demo", "known: ang, exc"]),
        (["protocols", "session", "fold"], 3, ["unexpected option 'fold'. did you mean 'folds'"]),
        (["protocols", "random", "leaky"], False, ["declare it with `leaky: true`"]),
        (["runs", "unified", "model"], "unifed", ["no 'unifed' among the models", "'unified'"]),
        (["runs", "unified", "modality_dropuot"], 0.1, ["runs: unified", "modality_dropout"]),
        (["runs", "unified", "inputs"], ["audio.mfc"], ["audio.mfcc"]),
        (["runs", "late_fusion", "inputs"], ["run:probe_radom"], ["probe_random"]),
        (["runs", "late_fusion", "inputs"], ["run:probe_random"], ["another protocol, random"]),
        (["runs", "late_fusion", "inputs"], ["run:late_fusion"], ["which reads it in turn"]),
        (["runs", "late_fusion", "inputs"], ["run:unified.gates"], ["'unified' has no output 'gates'", "embeddings"]),
        (["runs", "late_fusion", "inputs"], ["audio.mfcc"], ["does not read 'audio.mfcc', a feature. it reads: run"]),
        (["runs", "late_fusion", "inputs"], ["run:probe.weights"], ["does not read 'run:probe.weights', a weights"]),
        (["runs", "late_fusion", "parents"], ["probe"], [r"write inputs: \[run:probe_audio, .*run:probe\]"]),
        (
            ["runs", "unified", "inputs"],
            ["text"],
            ["the model 'unified' does not read 'text', a view. it reads: feature"],
        ),
        (["runs", "unified", "weights"], "minilm", ["the model 'unified' takes no weights"]),
        (["runs", "unified", "crossfit"], 3, ["no run that learns from train rows reads it"]),
        (["runs", "unified", "seeds"], 0, ["runs: unified: seeds"]),
        (["runs", "Unified"], {"model": "unified", "protocol": "session"}, ["Unified"]),
        (
            ["corpora", "dmo"],
            {"parts": 1},
            ["corpora: dmo: it has neither 'root' nor 'generate'", "root: Folder of"],
        ),
        (
            ["corpora", "demo", "options"],
            {"expect_counts": "no"},
            ["demo: options: expect_counts: it is 'no'. it must be a valid boolean"],
        ),
        (
            ["corpora", "demo", "generate", "sessions"],
            "three",
            ["demo: generate: sessions: it is 'three'. it must be a valid integer"],
        ),
        (["corpora", "demo", "generate", "sessions"], 0, ["corpora: demo: generate: cannot generate 0 sessions"]),
        (["views", "frames", "frames"], 0, ["views: frames: frames: it is 0. it must be greater than or equal to 1"]),
        (["views", "frames", "size"], "big", ["frames: size: .* 'big'. it must be a valid integer"]),
        (["views", "frames", "quality"], 100, ["quality: it is 100. it must be less than or equal to 95"]),
        (["views", "frames", "extractor"], "opencv", ["extractor: it is 'opencv'. it must be 'ffmpeg' or 'pyav'"]),
        (["views", "audio"], {"channel": "left"}, ["channel: it is 'left'. it must be 'mean' or be a valid integer"]),
        (
            ["features", "audio.mfcc"],
            {"sample_rate": 8000},
            [
                "audio.mfcc: sample_rate: a feature has the sample rate of its view",
                "audio_hz: {view: audio, sample_rate: 8000}",
            ],
        ),
        (["features", "ids.mine"], {"encoder": "table"}, ["features: ids.mine: table.load.. needs the option 'file'"]),
        (["features", "ids.mine"], {"encoder": "table", "file": "no.csv"}, ["ids.mine: there is no file or folder no"]),
        (["features", "audio.mfcc"], {"coefficients": "many"}, ["features: audio.mfcc: coefficients: it is 'many'"]),
        (["features", "audio.mfcc"], {"coefficients": True}, ["coefficients: it is True"]),
        (["features", "audio.mfcc"], {"coefficients": 13.0}, ["coefficients: it is 13.0"]),
        (["features", "audio.mfcc"], {"coefficients": 200}, ["features: audio.mfcc: coefficients=200.*<= n_mels"]),
        (
            ["features", "text.sbert", "precision"],
            "fp16",
            ["precision: it is 'fp16'. it must be 'fp32', 'bf16' or 'auto'"],
        ),
        (["features", "frames.clip", "normalise"], 1, ["frames.clip: normalise: it is 1. it must be a valid boolean"]),
        (
            ["features", "frames.top", "k"],
            0,
            ["features: frames.top: k: it is 0. it must be greater than or equal to 1"],
        ),
        (["weights", "minilm", "packages"], "a==1", ["weights: minilm: packages: it is 'a==1'. it must be a list"]),
        (["weights", "minilm", "files"], ["a"], ["weights: minilm: files: it is \\['a'\\]. it must be a mapping"]),
        (
            ["weights", "clip", "if_unreachable"],
            "drop",
            ["if_unreachable: it is 'drop'. it must be 'stop' or 'random'"],
        ),
        (["runs", "unified", "dropout"], 2, ["runs: unified: dropout: it is 2. it must be less than or equal to 1"]),
        (["runs", "unified", "lr"], 0, ["runs: unified: lr: it is 0. it must be greater than 0"]),
        (
            ["views", "audio"],
            {"silence_dbfs": float("nan")},
            ["views: audio: silence_dbfs: it is nan. it must be a number"],
        ),
        (["runs", "unified", "epochs"], "thirty", ["runs: unified: epochs: it is 'thirty'"]),
        (
            ["runs", "probe", "candidates"],
            [0.1, "1"],
            ["runs: probe: candidates: .* it must be a list whose item 2 must be a valid number"],
        ),
        (["runs", "probe", "candidates"], [], ["runs: probe: candidates"]),
        (["gate"], {"text_bt": {}}, ["gate: text_bt: there is no augmented view 'text_bt' in views"]),
    ],
)
def test_mistakes_are_refused_by_name(config, path, value, words):
    refused(edit(config, path, value), *words)


@pytest.mark.parametrize(
    ("preset", "protocol", "code", "remedy"),
    [
        ("config", "session", "nue", "did you mean 'neu'"),
        ("config", "session", "anger", "did you mean 'ang'"),
        ("config", "session", "A", "known: ang, exc"),
        ("configs/ravdess", "actors", "1", "did you mean '01'"),
        ("configs/ravdess", "actors", "surprised", "did you mean '08'"),  # the name of a code
    ],
)
def test_an_unknown_label_code_is_refused(preset, protocol, code, remedy):
    config = shipped(f"{preset}.yaml")
    good = labels.MAPS[config["protocols"][protocol]["labels"]]
    config["protocols"][protocol]["labels"] = "mine"
    Plan(config | {"labels": {"mine": good}})
    where = f"config: protocols: {protocol}: its label map 'mine' has {code!r}, which is not a code of"
    refused(config | {"labels": {"mine": {**good, code: "new"}}}, where, re.escape(remedy))


CHAIN = ["opus_en_fr", "opus_fr_en"]
LOCAL = {"source": "local", "path": "somewhere", "files": {"model.safetensors": None}}
VOSK = dict.fromkeys(["am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "graph/HCLr.fst"])
WHISPER = dict.fromkeys(["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"])


@pytest.fixture
def augmented(config):
    """The demo with all three augmented views."""
    config = copy.deepcopy(config)
    config["weights"] |= dict.fromkeys([*CHAIN, "idle"], LOCAL)
    config["weights"] |= {"listener": LOCAL | {"files": VOSK}, "whisperer": LOCAL | {"files": WHISPER}}
    config["views"] |= {"text_bt": {"chain": CHAIN}, "frames_aug": {}}
    speech = {"recognise": {"engine": "vosk", "weights": "listener"}, "translate": {"chain": CHAIN[:1]}}
    config["views"]["audio_tts"] = speech | {"synthesise": {"engine": "espeak", "prosody": "flat"}}
    config["features"] |= {"text_bt.sbert": {"weights": "minilm"}, "frames_aug.clip": {"weights": "clip"}}
    config["features"]["audio_tts.mfcc"] = {}
    config["features"]["frames_aug.top"] = {"select": "frames_aug.clip", "by": "text.clip", "k": 1}
    config["runs"]["unified_aug"] = config["runs"]["unified"] | {"augment": ["text_bt", "audio_tts", "frames_aug"]}
    return config


def test_augmented_views_and_features_are_matched_with_their_parents(augmented):
    plan = Plan(augmented)
    assert plan.augmented() == ["frames_aug", "text_bt", "audio_tts"]
    assert plan.gate_features("text_bt") == ("text.sbert", "text_bt.sbert")
    replacements = {(name, instead) for name, _, instead in plan.exchanges("unified_aug")}
    assert replacements == {
        (n, n.replace(".", s)) for n, s in (("audio.mfcc", "_tts."), ("text.sbert", "_bt."), ("frames.clip", "_aug."))
    }
    assert plan.exchanges("unified") == []


def test_a_gate_without_a_limit_plans_nothing_that_only_serves_it():
    open_gate = shipped("configs/systems/demo_cross_modal.yaml")
    plan, name = Plan(open_gate), "audio.mfcc"  # which no run reads
    assert [*plan.views.steps("audio_tts")] == ["recognised", "spoken", ""] and not plan.probed("audio_tts")
    assert name not in (used := plan.used_features("demo_few")) and "text.sbert" in used
    heard = Plan(edit(open_gate, ["gate", "audio_tts", "max_word_errors"], 1.0))
    assert [*heard.views.steps("audio_tts")] == ["recognised", "spoken", "heard", ""] and not heard.probed("audio_tts")
    probed = Plan(edit(open_gate, ["gate", "audio_tts"], {"max_word_errors": None}))
    assert probed.probed("audio_tts") and name in probed.used_features("demo_few")


def test_a_job_gets_a_second_thread_only_if_its_step_takes_one_and_parts_leave_cores_idle(augmented):
    views = Plan(augmented).views
    assert views.threads("text_bt") == views.threads("text_bt", parts=2, cores=3) == 2
    assert views.threads("text_bt", parts=2, cores=2) == views.threads("frames_aug", parts=2, cores=8) == 1


def test_only_needed_weights_are_fetched(config, augmented):
    names = ["clip", "minilm", "whisper_tiny_en"]
    assert Plan(config).fetched() == [f"weights/{name}/weights.json" for name in names]
    names = ["clip", "listener", "minilm", "opus_en_fr", "opus_fr_en", "whisper_tiny_en"]
    assert Plan(augmented).fetched() == [f"weights/{name}/weights.json" for name in names]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["views", "text_bt", "chain"], ["opus_en_rf"], ["views: text_bt", "no 'opus_en_rf' in weights", "opus_en_fr"]),
        (["views", "text_bt", "chain"], [], ["views: text_bt: chain"]),
        (["views", "text_bt", "num_beam"], 2, ["views: text_bt", "'num_beam'", "'num_beams'"]),
        (["views", "text_bt", "leeky"], True, ["text_bt: .*unexpected option 'leeky'. did you mean 'leaky'"]),
        (["views", "audio_tts", "translate", "max_sorce"], 20, ["audio_tts: translate: .*'max_sorce'", "'max_source'"]),
        (["views", "text_bt", "weights"], ["a"], ["views: text_bt", "'weights'"]),
        (["views", "audio_tts", "translate"], {"chain": ["x"]}, ["views: audio_tts", "no 'x' in weights"]),
        (["views", "audio_tts", "translate"], {"chain": [], "beams": 1}, ["views: audio_tts", "'beams'"]),
        (["views", "audio_tts", "recognise", "weights"], "listner", ["no 'listner' in weights", "'listener'"]),
        (["views", "audio_tts", "recognise", "engine"], "vsk", ["audio_tts: recognise: engine", "vsk"]),
        (["views", "audio_tts", "recognise", "beamsize"], 1, ["audio_tts: recognise", "'beamsize'"]),
        (["views", "audio_tts", "synthesise", "prosdy"], "flat", ["audio_tts: synthesise", "'prosdy'", "'prosody'"]),
        (["views", "audio_tts", "synthesize"], {}, ["unknown key 'synthesize'", "'synthesise'"]),
        (["views", "audio_tts", "synthesise"], "espeak", ["synthesise: it is 'espeak'. it must be a mapping"]),
        (["views", "audio_tts", "recognise", "weights"], 3, ["recognise: weights: it is 3. it must be a valid string"]),
        (["views", "audio_tts", "recognise"], {"weight": "x"}, ["recognise: .*'weight'. did you mean 'weights'"]),
        (["views", "audio_tts", "recognise"], {}, ["recognise: .*needs the option 'weights'"]),
        (["views", "text_bt", "chain"], 3, ["text_bt: chain: it is 3. it must be a list"]),
        (["views", "frames_aug"], {"transforms": [{"name": "ToGrey"}]}, ["no transform 'ToGrey'", "'ToGray'"]),
        (["views", "frames_aug"], {"qualty": 80}, ["frames_aug", "'qualty'", "'quality'"]),
        (["weights", "listener"], {"source": "random"}, ["views: audio_tts", "'listener' may be random"]),
        (
            ["views", "text_bt", "num_beams"],
            "four",
            ["config: views: text_bt: num_beams: it is 'four'. it must be a valid integer"],
        ),
        (
            ["views", "text_bt", "num_beams"],
            0,
            ["views: text_bt: num_beams: it is 0. it must be greater than or equal to 1"],
        ),
        (["views", "text_bt", "max_source"], 3, ["max_source: it is 3. it must be greater than or equal to 16"]),
        (["views", "text_bt", "precision"], "fp16", ["views: text_bt: precision: it is 'fp16'"]),
        (["views", "audio_tts", "translate", "num_beams"], 0, ["views: audio_tts: translate: num_beams: it is 0"]),
        (["views", "audio_tts", "recognise", "min_seconds"], "x", ["audio_tts: recognise: min_seconds: it is 'x'"]),
        (["views", "audio_tts", "synthesise", "timeout"], "long", ["audio_tts: synthesise: timeout: it is 'long'"]),
        (["views", "audio_tts", "synthesise", "female"], 3, ["synthesise: female: it is 3. it must be a valid string"]),
        (
            ["views", "audio_tts", "recognise"],
            {"engine": "whisper", "weights": "whisperer", "compute_type": "int9"},
            ["audio_tts: recognise: compute_type: it is 'int9'. it must be 'int8', "],
        ),
        (
            ["views", "audio_tts", "recognise", "weights"],
            "whisperer",
            ["'whisperer' has no am/final.mdl", "engine vosk"],
        ),
        (
            ["views", "audio_tts", "recognise", "engine"],
            "whisper",
            ["recognise: weights: 'listener' has no config.json"],
        ),
        (["views", "audio"], {"sample_rate": 22050}, ["sample_rate: it is 22050 Hz, but audio_tts needs 16000"]),
        (
            ["views", "frames_aug"],
            {"transforms": [{"name": "ToGray"}, {"name": "CLAHE", "options": {"clip_limits": 2}}]},
            ["frames_aug: transforms: CLAHE got an unexpected option 'clip_limits'. did you mean 'clip_limit'"],
        ),
        (["views", "frames_aug"], {"quality": "best"}, ["frames_aug: quality: it is 'best'"]),
        (["gate"], {"text_bt": {"min_similarity": "high"}}, ["gate: text_bt: min_similarity: it is 'high'"]),
        (
            ["gate"],
            {"audio_tts": {"min_agreement": 2}},
            ["gate: audio_tts: min_agreement: it is 2. it must be less than or equal to 1"],
        ),
        (["gate"], {"text_bt": {"min_similarty": 1}}, ["gate: text_bt", "'min_similarty'", "'min_similarity'"]),
        (["gate"], {"text_tb": {}}, ["unknown key 'text_tb'", "'text_bt'"]),
        (["gate"], {"text_bt": {"min_agreement": 1}}, ["gate: text_bt", "'min_agreement'"]),
        (
            ["features", "text_bt.sbert"],
            {"weights": "opus_en_fr"},
            ["weights is 'opus_en_fr'", "'minilm'"],
        ),
        (["features", "audio_tts.mfcc"], {"coefficients": 13}, ["audio_tts.mfcc: coefficients is 13", "audio.mfcc"]),
        (["features", "frames_aug.top", "k"], 3, ["frames_aug.top: k is 3", "frames.top"]),
        (["features", "text_bt.mpnet"], {"encoder": "sbert", "weights": "minilm"}, ["no parent 'text.mpnet'"]),
        (["runs", "unified_aug", "augment"], ["text_tb"], ["no augmented view 'text_tb'", "'text_bt'"]),
        (
            ["runs", "unified_aug", "inputs"],
            ["audio.mfcc", "text.sbert"],
            ["'frames_aug' replaces none"],
        ),
        (
            ["runs", "unified_aug", "inputs"],
            ["audio.mfcc", "frames.clip", "text.clip"],
            ["no 'text_bt.clip' in features"],
        ),
        (["runs", "unified", "inputs"], ["text_bt.sbert"], ["is augmented", "list the view under `augment`"]),
        (["runs", "late_fusion", "augment"], ["text_bt"], ["late_fusion", "replaces none of its inputs"]),
        (["runs", "unified_aug", "agument"], ["text_bt"], ["unified_aug", "'agument'"]),
    ],
)
def test_mistakes_in_augmentation_are_refused_by_name(augmented, path, value, words):
    refused(edit(augmented, path, value), *words)


def chained(config, *names) -> Plan:
    """Return a plan with translators of known languages: a toy for English to French, opus-mt for French to German."""
    opus = {"source": "opus_mt", "url": "https://x/y.zip", "sha256": "0" * 64}
    config["weights"] |= {
        "toy_en_fr": {"source": "pairs", "pairs": "configs/pairs/en_fr.csv"},
        "fr_de": opus | {"source_lang": "fr", "target_lang": "de"},
        "fr_en": opus | {"source_lang": "fr", "target_lang": "en"},
    }
    config["views"]["text_bt"] = {"chain": [*names]}
    return Plan(config)


def test_the_languages_in_a_chain_must_match(augmented):
    assert chained(augmented, "toy_en_fr", "fr_en").warnings == []
    with pytest.raises(InputError, match=r"text_bt: chain: fr_en translates from 'fr', but fr_de before it into 'de'"):
        chained(augmented, "toy_en_fr", "fr_de", "fr_en")
    assert chained(augmented, "opus_en_fr", "fr_de").warnings == []  # the first translator's languages are unknown


@pytest.mark.parametrize(("names", "last"), [(["toy_en_fr"], "fr"), (["toy_en_fr", "fr_de"], "de")])
def test_a_chain_that_does_not_return_to_its_language_is_reported(augmented, names, last):
    (warning,) = chained(augmented, *names).warnings
    assert f"config: views: text_bt: chain: it translates from 'en' to '{last}'" in warning
    assert "add a translator to 'en'" in warning


def test_values_that_types_allow(augmented):
    """An integer is a valid float; null may be a limit; an option without a type accepts any value."""
    good = edit(augmented, ["runs", "unified", "dropout"], 0)
    good = edit(good, ["views", "frames", "size"], None)
    good = edit(good, ["gate"], {"audio_tts": {"max_word_errors": 1e9, "min_agreement": 1}})
    good = edit(good, ["runs", "probe", "candidates"], [1, 0.5])
    assert Plan(good).warnings == []


def test_planning_imports_no_heavy_libraries(augmented, tmp_path):
    (tmp_path / "augmented.yaml").write_text(yaml.safe_dump(augmented))
    code = "import sys, yaml; from emospace.plan.plan import Plan; Plan(yaml.safe_load(open('augmented.yaml')));"
    code += "print(sorted({'torch', 'transformers', 'albumentations', 'cv2', 'scipy', 'sklearn'} & sys.modules.keys()))"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_augmented_selection_from_the_frames_of_the_parent_is_refused(augmented):
    edited = edit(augmented, ["features", "frames_aug.top"], {"select": "text.clip", "by": "text.clip", "k": 1})
    refused(edited, "frames_aug.top: select is 'text.clip', but 'frames.clip'")


@pytest.mark.parametrize("view", ["text_bt", "audio_tts", "frames_aug"])
def test_a_feature_of_an_unlisted_augmented_view_is_refused(augmented, view):
    del augmented["views"][view]
    refused(augmented, f"there is no '{view}' in views")


@pytest.mark.parametrize("turned", [False, True])
def test_the_export_chooses_the_features_for_its_folders(augmented, turned):
    """The order in the config does not matter: text.clip is no sentence embedding, and frames.top not all frames."""
    features = augmented["features"]
    plan = Plan(augmented | {"features": dict(reversed(features.items())) if turned else features})
    expected = ["audio.mfcc", "audio_tts.mfcc", "frames.clip", "frames_aug.clip", "text.sbert", "text_bt.sbert"]
    assert plan.exported() == expected


def test_an_export_without_a_matching_feature_or_with_two_is_refused(config):
    features = config["features"]
    del features["text.sbert"], config["runs"]
    config["runs"] = {"probe": {"model": "linear_probe", "protocol": "session", "inputs": ["audio.mfcc"]}}
    with pytest.raises(InputError, match=r"text_embeddings .* text by sbert, not text.clip. add text.sbert"):
        Plan(config).exported()
    features |= {f"text.{name}": {"encoder": "sbert", "weights": "minilm"} for name in ("one", "two")}
    with pytest.raises(InputError, match=r"text by sbert, not text.one and text.two.* has one"):
        Plan(config).exported()
    for name in ("clip", "one", "two"):
        del features[f"text.{name}"]
    del features["frames.top"]
    assert Plan(config).exported() == ["audio.mfcc", "frames.clip", "frames_aug.clip"]


def test_an_augmented_view_without_a_feature_for_the_gate_is_refused(augmented):
    del augmented["features"]["text_bt.sbert"]
    refused(augmented, "views: text_bt", "the gate judges its rows by one")


def test_a_probe_with_augmentation_is_not_a_baseline(augmented):
    runs = augmented["runs"]
    probe = {"probe_aug": runs["probe"] | {"augment": ["text_bt"]}}
    plan = Plan(augmented | {"runs": probe | runs})
    assert plan.baseline("unified") == plan.baseline("probe_aug") == "probe"
    only = {n: s for n, s in runs.items() if s["model"] != "linear_probe" and n != "late_fusion"}
    refused(augmented | {"runs": probe | only}, "no run with model linear_probe")


def test_a_run_can_be_compared_with_another_run(config, augmented):
    runs = augmented["runs"]
    one = {**runs["unified_aug"], "versus": "unified"}
    plan = Plan(augmented | {"runs": runs | {"unified_aug": one}})
    assert (plan.baseline("unified_aug"), plan.baseline("unified")) == ("unified", "probe")
    for other, reason in (("unifed", "there is no 'unifed'"), ("unified_aug", "compared with itself")):
        refused(augmented | {"runs": runs | {"unified_aug": one | {"versus": other}}}, reason)


def test_a_run_can_be_compared_across_protocols_with_the_same_corpus_and_labels(config):
    runs, protocols = config["runs"], config["protocols"]
    name, first = "unified", protocols[runs["unified"]["protocol"]]
    other = runs["probe"] | {"protocol": "other"}

    def planned(protocol, **corpora):
        blocks = {"protocols": protocols | {"other": protocol}, "corpora": config["corpora"] | corpora}
        return config | blocks | {"runs": runs | {"other": other, name: runs[name] | {"versus": "other"}}}

    plan = Plan(planned(first | {"split": "random", "leaky": True}))
    assert (plan.baseline(name), plan.other_protocol(name), plan.other_protocol("probe")) == ("other", "other", "")
    recorded = read_json(plan.recipe("evaluate", name))["other"]
    assert (recorded["protocol"], recorded["leaky"]) == ("other", True) and recorded["labels"] == plan.labels("other")
    assert read_json(plan.recipe("evaluate", "probe"))["other"] is None
    corpus = next(iter(config["corpora"]))
    apart = {"second": config["corpora"][corpus] | {"reader": plan.reader(corpus)}}
    refused(planned(first | {"corpus": "second"}, **apart), "no corpus of", "compare runs on the same corpus")
    mapping = dict(list(plan.labels("other")[corpus]["map"].items())[:2])
    changed = planned(first | {"labels": "fewer"}) | {"labels": {"fewer": mapping}}
    refused(changed, f"label map of {corpus} differs")


def test_metrics_are_checked_at_planning_time_and_are_part_of_the_recipes_that_use_them(config):
    plan = Plan(config)
    assert (plan.metrics(), plan.compare_by()) == (["WA", "UA", "WF1", "MF1"], "UA")
    other = Plan(config | {"metrics": ["WA", "ECE"], "compare_by": "ECE"})
    recipe = read_json(other.recipe("evaluate", "probe"))
    assert (recipe["metrics"], recipe["compare_by"]) == (["WA", "ECE"], "ECE")
    assert {"emospace/evaluation/metrics/ECE.py", "emospace/evaluation/metrics/CCC_valence.py"} <= recipe["code"].keys()
    del config["compare_by"]
    assert Plan(config | {"metrics": ["WA", "ECE"]}).compare_by() == "WA"
    changed = {key for key, path in plan.recipes.items() if path.read_bytes() != other.recipes[key].read_bytes()}
    assert {rule for rule, _ in changed} == {"evaluate", "summarize", "make_report"}


def test_unknown_metrics_are_refused(config):
    refused(config | {"metrics": ["UA", "EEC"]}, "there is no 'EEC' among the metrics", "did you mean 'ECE'")
    refused(config | {"compare_by": "ECE"}, "compare_by", "not among the metrics")
    refused(config | {"metrics": []}, "metrics")


def test_each_step_of_augmentation_has_its_own_recipe(augmented):
    def changed(path, value):
        before = {key: path.read_bytes() for key, path in Plan(augmented).recipes.items()}
        after = {key: path.read_bytes() for key, path in Plan(edit(augmented, path, value)).recipes.items()}
        assert before.keys() == after.keys()
        return {key for key in after if before[key] != after[key]} - {("make_report", "all")}

    speech = ["views", "audio_tts"]
    assert changed([*speech, "synthesise", "prosody"], "transfer") == {("augment_view", "audio_tts")}
    assert changed([*speech, "translate", "num_beams"], 2) == {("augment_view", "audio_tts.spoken")}
    heard = {("augment_view", "audio_tts.recognised"), ("augment_view", "audio_tts.heard")}
    assert changed([*speech, "recognise", "silence_dbfs"], -60.0) == heard
    assert changed(["views", "text_bt", "num_beams"], 2) == {("augment_view", "text_bt")}
    assert changed(["views", "frames_aug", "quality"], 80) == {("augment_view", "frames_aug")}
    assert changed(["gate"], {"text_bt": {"min_similarity": 0.5}}) == {("score_view", "text_bt")}
    assert changed(["gate"], {"audio_tts": {"min_agreement": 0.5}}) == {("gate_fold", "audio_tts")}
    assert {rule for rule, _ in changed(["examples"], 3)} == {"make_sheet"}
    assert changed(["runs", "unified_aug", "augment"], ["text_bt"]) == {("train", "unified_aug")}


def test_augmentation_changes_no_other_recipe(config, augmented):
    plain = copy.deepcopy(config)
    for block, name in (("views", "frames_aug"), ("features", "frames_aug.clip"), ("runs", "probe_aug")):
        del plain[block][name]
    before = {key: path.read_bytes() for key, path in Plan(plain).recipes.items()}
    after = {key: path.read_bytes() for key, path in Plan(augmented).recipes.items()}
    changed = {key for key in before if before[key] != after[key]}
    assert {key for key in changed if key[0] != "fetch_weights"} == {("make_report", "all")}  # new translators


def test_a_config_has_a_name(config):
    del config["name"]
    refused(config, "config: there is no 'name'. Name of this config")


def test_shipped_presets_have_distinct_names():
    """Otherwise one would overwrite the results of another. Each file in configs has the name of its config."""
    names = {preset: shipped(preset)["name"] for preset in presets()}
    assert names.pop("config.yaml") == "demo"
    assert names == {preset: preset.removeprefix("configs/").removesuffix(".yaml") for preset in names}


def test_a_probe_with_leaky_inputs_is_a_baseline_only_without_another(config):
    first, second, *_ = Plan(copy.deepcopy(config)).baselines("session")
    config["runs"][first]["leaky"] = True
    plan = Plan(config)
    assert plan.baseline("unified") == plan.baseline(first) == second
    config["runs"] |= {name: spec | {"leaky": True} for name, spec in config["runs"].items()}
    assert Plan(config).baseline("unified") == first


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


def changed_by(config, path, value) -> set[tuple[str, str]]:
    """Return (rule, key) of every recipe that an edit changes."""
    before, after = Plan(config).recipes, Plan(edit(config, path, value)).recipes
    assert before.keys() == after.keys()
    return {key for key in after if after[key] != before[key]}


def test_an_option_changes_only_its_own_recipes(config):
    changed = changed_by(config, ["features", "audio.mfcc"], {"coefficients": 13})
    assert changed == {("embed", "audio.mfcc"), ("make_report", "all")}


def test_the_licence_of_weights_affects_only_the_report(config):
    assert changed_by(config, ["weights", "minilm", "licence"], "MIT") == {("make_report", "all")}
    assert changed_by(config, ["weights", "clip", "if_unreachable"], "stop") == {
        ("fetch_weights", "clip"),
        ("make_report", "all"),
    }


def test_a_later_plan_changes_no_file_that_a_running_job_reads(config):
    """Recipes are never rewritten, whatever is edited in the meantime."""
    first = Plan(config)
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in first.recipes.values()}
    edited = edit(config, ["features", "audio.mfcc"], {"coefficients": 13})
    second = Plan(edit(edited, ["runs", "unified", "epochs"], 3))
    assert second.recipes["train", "unified"] != first.recipes["train", "unified"]
    Plan(config)
    assert {path: (path.read_bytes(), path.stat().st_ino) for path in before} == before
    for plan, options in ((first, {}), (second, {"coefficients": 13})):
        assert read_recipe(plan.recipes["embed", "audio.mfcc"])["options"] == options


def test_a_recipe_that_does_not_match_its_name_is_refused_and_rewritten(config):
    path = Plan(config).recipes["embed", "audio.mfcc"]
    whole = path.read_text()
    path.write_text(whole.replace('"options": {}', '"options": {"coefficients": 13}'))
    with pytest.raises(InputError, match=r"embed/audio.mfcc-\w+.json: the recipe is not the one that was planned"):
        read_recipe(path)
    assert Plan(config).recipes["embed", "audio.mfcc"] == path and path.read_text() == whole


def test_cluster_jobs_use_the_plan_of_their_run(config, monkeypatch):
    """A cluster job receives the frozen config and gets the original plan from it, whatever changed since."""
    ravdess = shipped("configs/ravdess.yaml")
    plan = Plan(config | {"corpora": config["corpora"] | ravdess["corpora"]})
    plan.raw = {"demo": {"0": "a trigger"}}
    monkeypatch.setenv("EMOSPACE_RAVDESS", "/here")
    frozen = freeze(plan, STATE / "plans")
    monkeypatch.setenv("EMOSPACE_RAVDESS", "/there")
    shutil.rmtree(STATE / "recipes")
    job = thaw(json.loads(frozen.read_text()))
    assert (job.recipes, job.raw, job.config) == (plan.recipes, plan.raw, plan.config)
    assert [*job.config["runs"]] == [*plan.config["runs"]]  # the first probe is the baseline
    assert job.root("ravdess") == "/here" and not (STATE / "recipes").exists()
    assert freeze(plan, STATE / "plans") != frozen and frozen.exists()
    with pytest.raises(InputError, match="without the plan of its run"):
        thaw(config)


def test_roots_come_from_the_environment(config, monkeypatch):
    plan = Plan(shipped("configs/ravdess.yaml"))
    monkeypatch.setenv("EMOSPACE_RAVDESS", "/some where/it's")
    assert plan.root("ravdess") == "/some where/it's"


def test_validate_names_the_place_of_a_wrong_type(config):
    with pytest.raises(InputError, match="config: corpora: demo: parts"):
        validate(edit(config, ["corpora", "demo", "parts"], "five"))


@pytest.mark.parametrize(
    ("value", "kind", "allowed"),
    [
        (1, Any, True),
        (True, Any, True),
        (2, Annotated[int, "only a remark"], True),
        (1, TypeVar("T"), True),
        (1.0, int, False),
        ("a", Literal["b"], False),
        ("x", list[str], False),
        (["x"], list[str], True),
        ([True], tuple[float, ...], False),
        ({"a": 1}, dict[str, int], True),
        (None, option_types.Count | None, True),
        (0, option_types.Count | None, False),
    ],
)
def test_values_are_checked_against_annotations(value, kind, allowed):
    assert (plugin.fault(value, kind) == "") == allowed


def test_without_an_annotation_the_default_gives_the_type():
    def load(*, steps=3, name=None, scale: "float" = 1.0, weights=None): ...

    assert plugin.options_of(load) == {"steps": int, "name": Any, "scale": float}


def test_an_encoder_is_refused_for_a_view_with_another_sample_rate(config, monkeypatch):
    del config["features"]["audio.whisper"], config["runs"]["probe_whisper"]  # its encoder requires a fixed rate
    config["views"]["audio"] = {"sample_rate": 22_050}
    Plan(config)  # MFCC take the rate of their view
    mfcc = plugin.find("encoders", "mfcc")
    monkeypatch.setattr(mfcc, "RATE", 16_000)
    refused(config, "views: audio: sample_rate: it is 22050 Hz, but audio.mfcc takes 16000. .*sample_rate: 16000")
    monkeypatch.setattr(mfcc, "RATE", 22_050)
    Plan(config)
    monkeypatch.setattr(mfcc, "RATE", None)
    monkeypatch.setattr(mfcc, "load", lambda *, hop=512: None)  # without RATE and without an argument `rate`: 16 kHz
    monkeypatch.delattr(mfcc, "check_load")
    refused(config, "audio.mfcc takes 16000")


HIDDEN = {"augment": lambda *, augment=1.0: None, "by": lambda *, by=1.0: None}


@pytest.mark.parametrize(("kind", "name", "key"), [("models", "unified", "augment"), ("encoders", "mfcc", "by")])
def test_an_option_with_the_name_of_a_key_of_its_block_is_refused(config, monkeypatch, kind, name, key):
    module, function = plugin.find(kind, name), {"models": "train", "encoders": "load"}[kind]
    monkeypatch.setattr(module, function, HIDDEN[key])
    monkeypatch.delattr(module, "check_load", raising=False)
    refused(
        config, f"{plugin.place(kind, name)}: the option '{key}' of {function}.. has the name of a key of its block"
    )


def test_the_content_of_files_named_by_options_is_part_of_the_recipe(config, tmp_path):
    table = tmp_path / "v.csv"
    table.write_text("utterance,a\n")
    config["features"]["ids.mine"] = {"encoder": "table", "file": "v.csv"}
    config["runs"]["probe"]["inputs"] = ["ids.mine"]
    before = Plan(config)
    assert before.recipe("embed", "ids.mine") == Plan(config).recipe("embed", "ids.mine")
    assert "ids" in before.read_views("demo")
    table.write_text("utterance,b\n")
    assert before.recipe("embed", "ids.mine") != Plan(config).recipe("embed", "ids.mine")
    assert "files" not in read_json(before.recipe("embed", "audio.mfcc"))


def test_a_run_that_starts_from_the_weights_of_another_cannot_be_cross_fitted(config):
    first = {"model": "blstm", "protocol": "session"}
    config["runs"] |= {"a": first | {"inputs": ["audio.mfcc"]}, "w": first | {"inputs": ["text.sbert"]}}
    inputs = ["audio.mfcc", "text.sbert", "run:a.weights", "run:w.weights"]
    config["runs"]["fused"] = {"model": "blstm_fusion", "protocol": "session", "inputs": inputs}
    config["runs"]["above"] = {"model": "linear_probe", "protocol": "session", "inputs": ["run:fused.hidden"]}
    Plan(config)
    config["runs"]["fused"]["crossfit"] = 2
    refused(config, "runs: fused: crossfit: it starts from run:a.weights, whose model has learnt")


def test_dependence_on_the_seed_is_inherited_from_parents_and_recorded_for_evaluate(config):
    parents = {"model": "late_fusion", "protocol": "session"}
    config["runs"]["above"] = parents | {"inputs": ["run:unified", "run:probe_text"]}
    config["runs"]["top"] = parents | {"inputs": ["run:above"], "versus": "above"}
    plan = Plan(config)
    expected = {"probe": False, "late_fusion": False, "unified": True, "above": True, "top": True}
    assert {name: plan.stochastic(name) for name in expected} == expected
    for name, flags in {"probe": [False, False], "unified": [True, False], "top": [True, True]}.items():
        assert read_json(plan.recipe("evaluate", name))["stochastic"] == flags


def test_a_model_depends_on_its_seed_by_default(config, monkeypatch):
    monkeypatch.delattr("emospace.models.linear_probe.DETERMINISTIC")
    plugin.find.cache_clear()
    assert Plan(config).stochastic("probe")
