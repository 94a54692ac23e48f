"""Plans for augmented speech: each option affects the recipes and jobs of its own step only. No job runs."""

import re

import pytest
from _augmented import small
from conftest import Project, shipped

pytestmark = pytest.mark.workflow


def recipes(project: Project) -> dict[str, bytes]:
    folder = project.folder / ".emospace/recipes"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json")}


def planned(project: Project, config: dict) -> dict[str, int]:
    project.configure(config)
    return project.planned("augment", "train_all")


def test_an_option_of_speech_reruns_its_own_step_only(project):
    config = small(shipped("config.yaml"))
    without = planned(project, config)
    speech = {"recognise": {"engine": "whisper", "weights": "hears"}, "translate": {"chain": []}}
    files = dict.fromkeys(["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"])
    config["weights"]["hears"] = {"source": "local", "path": "somewhere", "files": files}
    config["views"] = config["views"] | {"audio_tts": speech}
    config["features"]["audio_tts.mfcc"] = {}
    config["runs"]["probe_tts"] = config["runs"]["probe"] | {"augment": ["audio_tts"]}
    jobs = planned(project, config)
    steps = ("", "_recognised", "_spoken", "_heard")
    new = {f"augment_audio_tts{step}": 3 for step in steps}
    new |= {"embed_audio_tts_mfcc": 3, "score_audio_tts": 3, "gate_fold": 3, "make_children": 3, "audit_children": 1}
    new |= {"make_sheet": 1, "check_augmented": 1, "fetch_weights": 3, "train": 9}
    assert {name: count for name, count in jobs.items() if count != without.get(name)} == new
    config["protocols"]["unread"] = config["protocols"]["session"]  # no run of this protocol trains on copies
    config["runs"]["probe_unread"] = config["runs"]["probe"] | {"protocol": "unread"}
    config["protocols"]["other"] = config["protocols"]["session"]  # a run of this protocol trains on other copies
    config["runs"]["probe_other"] = config["runs"]["probe"] | {"protocol": "other"}
    config["runs"]["probe_faces"] = config["runs"]["probe_other"] | {"augment": ["frames_aug"]}
    config["views"]["frames_aug"] = {}
    config["features"]["frames_aug.clip"] = config["features"]["frames.clip"]
    more = planned(project, config)
    assert {name: more[name] for name in ("gate_fold", "make_children", "audit_children")} == {
        "gate_fold": 6,
        "make_children": 6,
        "audit_children": 2,
    }
    before = recipes(project)
    speech["synthesise"] = {"prosody": "flat"}  # only the new voice is recognised again
    planned(project, config)
    after = recipes(project)
    assert before.items() <= after.items()
    assert {re.sub(r"-\w{16}\.json$", "", name) for name in after.keys() - before} == {
        "augment_view/audio_tts",
        "make_report/all",
    }
