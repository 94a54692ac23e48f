"""A feature of copies can also replace a feature of another view of its kind, for example one with another rate."""

import pytest
from conftest import ROOT, shipped

from emospace.core.errors import InputError
from emospace.plan import job_arguments
from emospace.plan.paths import Paths
from emospace.plan.plan import Plan

OTHER = "audio_22k.mfcc"


@pytest.fixture
def config(tmp_path, monkeypatch) -> dict:
    """The ablation of the demo, with a run that reads sound at 22 kHz and trains on copies at 16 kHz."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    config = shipped("configs/ablation_demo.yaml")
    config["views"]["audio_22k"] = {"view": "audio", "sample_rate": 22050}
    config["features"] |= {OTHER: {}, "audio_tts.mfcc": {"replaces": [OTHER]}}
    config["runs"]["both"] = {"model": "cross_modal", "protocol": "session", "inputs": [OTHER, "text.sbert"]}
    config["runs"]["both"]["augment"] = ["audio_tts", "text_bt"]
    return config


def test_copies_replace_the_feature_of_another_rate_and_that_of_their_parent(config):
    plan = Plan(config)
    assert plan.exchanges("both") == [
        (OTHER, "audio_tts", "audio_tts.mfcc"),
        ("text.sbert", "text_bt", "text_bt.sbert"),
    ]
    assert plan.exchanges("audio") == [("audio.mfcc", "audio_tts", "audio_tts.mfcc")]
    words = job_arguments.of_training(Paths(plan), "both", "fold0", "1")
    assert f"--exchange {OTHER} audio_tts.mfcc data/augmented/features/demo/audio_tts.mfcc/0.npy" in words
    assert OTHER in plan.used_features("demo")


def test_without_it_the_view_replaces_nothing(config):
    del config["features"]["audio_tts.mfcc"]["replaces"]
    with pytest.raises(InputError, match="'audio_tts' replaces none of its inputs"):
        Plan(config)


@pytest.mark.parametrize(
    ("feature", "replaces", "message"),
    [
        ("audio_tts.mfcc", ["audio_22.mfcc"], "no 'audio_22.mfcc' in features"),
        ("audio_tts.mfcc", ["text.sbert"], "'text.sbert' is of the kind 'text'"),
        ("audio_tts.mfcc", ["audio_tts.mfcc"], "'audio_tts.mfcc' is augmented"),
        ("audio.mfcc", [OTHER], "no feature of copies"),
    ],
)
def test_a_feature_that_cannot_be_replaced_is_refused(config, feature, replaces, message):
    config["features"][feature] = {"replaces": replaces}
    with pytest.raises(InputError, match=message):
        Plan(config)


def test_other_settings_are_refused(config):
    config["features"][OTHER] = {"coefficients": 13}
    with pytest.raises(InputError, match=r"coefficients is None, but 13 in audio_22k\.mfcc, which it replaces"):
        Plan(config)
