"""The weights of configs/shared: each entry is valid, and one without a commit is refused once a feature names it."""

import pytest
import yaml
from conftest import ROOT, shipped

from emospace.core.errors import InputError
from emospace.plan.plan import Plan
from emospace.weights.fetch import check_entry, check_pinned, fetch

SHARED = yaml.safe_load((ROOT / "configs/shared/weights.yaml").read_text(encoding="utf-8"))["weights"]
OPEN = [name for name, entry in SHARED.items() if entry.get("revision") == ""]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("name", SHARED)
def test_every_entry_is_valid_and_all_but_the_declared_ones_are_pinned(name):
    check_entry(SHARED[name], name)
    if name not in OPEN:
        check_pinned(SHARED[name], name)


def planned(weights: str, **changes) -> Plan:
    config = shipped("config.yaml")
    config["weights"][weights] |= changes
    config["features"]["audio.states"] = {"encoder": "hf_audio", "weights": weights, "layers": [6, 12]}
    config["runs"]["probe"]["inputs"] = ["audio.states"]
    return Plan(config)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_feature_of_weights_without_a_commit_is_refused_when_planned(workplace):
    assert "wavlm_large" in OPEN
    with pytest.raises(InputError) as error:
        planned("wavlm_large")
    expected = "config: weights: wavlm_large: revision: no commit of microsoft/wavlm-large is pinned. set it to a full"
    assert str(error.value).startswith(expected) and "that has model.safetensors, config.json" in str(error.value)
    assert "wavlm_large" in planned("wavlm_large", revision=COMMIT).used_weights()
    assert "wav2vec2_base" in planned("wav2vec2_base").used_weights()
    with pytest.raises(InputError, match=r"'model.safetensors' has no sha256"):
        planned("wavlm_large", revision="main")


def test_weights_without_a_commit_are_never_fetched(tmp_path):
    with pytest.raises(InputError, match="revision: no commit of microsoft/wavlm-large is pinned"):
        fetch("wavlm_large", SHARED["wavlm_large"], tmp_path / "wavlm_large")
