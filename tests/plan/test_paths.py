"""Paths follow from the plan alone: every file that a job reads is among them, and no two jobs write the same file.

Covers: plan/data_paths.
"""

import pytest
from conftest import ROOT, shipped

from emospace.plan import job_arguments
from emospace.plan.data_paths import COPY, PARENT, beside, fill, offsets, sidecars
from emospace.plan.paths import Paths
from emospace.plan.plan import Plan
from emospace.plan.reserved import training_rules


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working directory for plans, which write recipes below it."""
    folder = tmp_path_factory.mktemp("paths")
    (folder / "configs").symlink_to(ROOT / "configs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def demo(folder) -> Paths:
    return Paths(Plan(shipped("config.yaml")))


@pytest.fixture(scope="module")
def iemocap(folder) -> Paths:
    """Paths of a config with all augmented views; the corpus is absent."""
    return Paths(Plan(shipped("configs/iemocap_augmented.yaml")))


def second_stage(**model) -> Paths:
    """Paths of the demo with a run that reads another run's embeddings, and trains on them if its model trains."""
    config = shipped("config.yaml")
    config["runs"]["second"] = {"model": "linear_probe", "protocol": "session", "inputs": ["run:unified.embeddings"]}
    config["runs"]["second"] |= model
    return Paths(Plan(config))


def test_a_run_that_starts_from_weights_reads_a_parents_model_and_no_outputs():
    spec = {"model": "blstm_fusion", "protocol": "session"}
    first = {name: {"model": "blstm", "protocol": "session", "inputs": [name]} for name in ("audio.mfcc", "text.sbert")}
    config = shipped("config.yaml")
    config["runs"] |= {"a": first["audio.mfcc"], "w": first["text.sbert"]}
    config["runs"]["fused"] = spec | {"inputs": ["audio.mfcc", "text.sbert", "run:a.weights", "run:w.weights"]}
    paths = Paths(Plan(config))
    folder = f"{paths.results}/runs/{{}}/fold1-{config['seed']}"
    where = {"run": "fused", "fold": "fold1", "seed": str(config["seed"])}
    assert paths.parent_outputs(**where) == [f"{folder.format(run)}/model.safetensors" for run in "aw"]
    assert paths.parent_sidecars(**where) == [f"{folder.format(run)}/run.json" for run in "aw"]
    assert not paths.plan.applied_to_train("a") and paths.plan.stochastic("fused")
    config["runs"]["second"] = {"model": "linear_probe", "protocol": "session", "inputs": ["run:a.hidden"]}
    paths = Paths(Plan(config))
    outputs = [
        f"{place}/{file}"
        for place in (folder, f"{folder}/train")
        for file in ("probabilities.csv", "extras.hidden.npy")
    ]
    read = paths.parent_outputs(**where | {"run": "second"})
    assert {name.format("a") for name in outputs} <= set(read) and paths.plan.applied_to_train("a")
    assert not any("train/model" in path for path in read)


def test_an_analysis_reads_the_views_that_its_options_name(monkeypatch):
    config = shipped("config.yaml")
    config["analyses"] = {"attention": {"runs": ["probe"], "audio": "audio", "words": "words"}}
    monkeypatch.setattr("emospace.analyses.attention.suits", lambda model, inputs: True)
    paths = Paths(Plan(config))
    views = [
        f"data/views/demo/{view}/{part}" for view, suffix in (("audio", "npy"), ("words", "csv")) for part in "012"
    ]
    assert {f"{path}.json" for path in views} <= set(paths.analysed_inputs("probe", "attention"))
    data = set(paths.analysed_data("probe", "attention"))
    assert {*paths.input_data("probe"), "data/views/demo/audio/0.offsets.npy", "data/views/demo/words/2.csv"} <= data
    assert paths.analysed_manifests("probe", "attention") and "words" in paths.plan.read_views("demo")
    assert "--view words data/views/demo/words/0.csv" in job_arguments.of_analysis(paths, "probe", "attention")


def test_an_analysis_reads_the_predictions_of_the_runs_that_its_options_name(folder):
    """Of their own protocol, and no models."""
    config = shipped("config.yaml")
    config["protocols"]["other"] = dict(config["protocols"]["session"])
    config["runs"]["second"] = {"model": "linear_probe", "protocol": "other", "inputs": ["audio.mfcc"]}
    plan = Plan(config)
    plan.other_runs = lambda analysis: ["second"]
    paths, home = Paths(plan), "results/demo/runs/second/fold0-1"
    assert home in paths.analysed_folders("unified", "subsets")
    assert f"{home}/run.json" in paths.analysed_sidecars("unified", "subsets")
    assert [f for f in paths.analysed_outputs("unified", "subsets") if home in f] == [f"{home}/probabilities.csv"]
    protocols = paths.analysed_protocols(paths.protocol, "unified", "subsets")
    assert protocols == [f"results/demo/protocols/{name}.json" for name in ("session", "other")]


def test_fields_are_filled_in_every_combination_and_others_are_ignored():
    assert fill("{a}/{b}", a=["x", "y"], b=["1", "2"], c="unused") == ["x/1", "x/2", "y/1", "y/2"]
    assert fill("{a}", a="text") == ["text"] and fill("{a}", a=[]) == [] and fill("plain", a=[]) == ["plain"]


def test_sidecars_and_offsets_lie_beside_their_files():
    assert sidecars(["a/0.npy", "a/0.spoken.csv"]) == ["a/0.json", "a/0.spoken.json"]
    assert offsets(["a/0.npy", "a/0.csv", "a/0.heard.csv"]) == ["a/0.offsets.npy"]
    assert beside("a/0.zip", ".quality.csv") == "a/0.quality.csv"


def test_a_run_reads_the_stores_of_its_inputs_and_of_their_replacements(demo):
    data = demo.input_data("probe_aug")
    stores = {
        f"data/features/demo/{name}/{part}" for name in ("audio.mfcc", "frames.clip", "text.sbert") for part in "012"
    }
    stores |= {f"data/augmented/features/demo/frames_aug.clip/{part}" for part in "012"}
    assert set(data) == {f"{store}{ending}" for store in stores for ending in (".npy", ".offsets.npy")}
    assert set(demo.input_sidecars("probe_aug")) == {f"{store}.json" for store in stores}


def test_a_run_that_reads_runs_reads_their_outputs_of_the_same_fold(demo):
    arguments = {"run": "late_fusion", "fold": "fold1", "seed": "1"}
    folders = [f"results/demo/runs/{name}/fold1-1" for name in ("probe_audio", "probe_frames", "probe_text")]
    assert demo.parent_outputs(**arguments) == [f"{folder}/probabilities.csv" for folder in folders]
    assert demo.parent_sidecars(**arguments) == [f"{folder}/run.json" for folder in folders]
    assert demo.input_data("late_fusion") == []


def test_a_second_stage_reads_embeddings_for_train_rows_too(folder):
    paths = second_stage()
    home = "results/demo/runs/unified/fold0-1"
    names = ["probabilities.csv", "embeddings.npy"]
    homes = [home, f"{home}/train"]
    expected = {f"{place}/{name}" for place in homes for name in names}
    assert set(paths.parent_outputs("second", "fold0", "1")) == expected
    assert paths.parent_sidecars("second", "fold0", "1") == [f"{home}/run.json", f"{home}/train/apply.json"]
    assert f"{home}/embeddings.npy" in paths.analysed_outputs("second", "subsets")
    assert training_rules(paths.plan, "apply_train") == {"apply_train": ["unified"]}


def test_the_steps_of_a_view_have_files_of_their_own(iemocap):
    steps = iemocap.plan.views.steps("audio_tts")
    mains = {step: iemocap.step("audio_tts", step) for step in steps}
    assert mains[""] == "data/augmented/views/{corpus}/audio_tts/{part}.npy" and len({*mains.values()}) == len(steps)
    assert iemocap.source("audio_tts", "recognised") == "data/views/{corpus}/audio/{part}.npy"
    assert "offsets" in iemocap.view_outputs("audio_tts") and "offsets" not in iemocap.view_outputs(
        "audio_tts", "heard"
    )
    assert iemocap.transcripts("audio_tts", "iemocap", PARENT)[0].endswith("audio_tts/0.recognised.csv")
    assert iemocap.transcripts("text_bt", "iemocap", COPY) == []


def test_no_two_jobs_of_a_view_write_the_same_file(iemocap):
    views = iemocap.plan.views
    jobs = [(v, step) for v in [*iemocap.plan.extractable(), *iemocap.plan.augmented()] for step in views.steps(v)]
    written = [file for view, step in jobs for file in iemocap.view_outputs(view, step).values()]
    assert len(written) == len({*written}) > 20


def test_a_training_is_told_the_replacement_of_each_input(demo):
    words = job_arguments.of_training(demo, "probe_aug", "fold0", "1").split()
    at = words.index("--exchange")
    assert words[at + 1 : at + 3] == ["frames.clip", "frames_aug.clip"]
    assert words[at + 3] == "data/augmented/features/demo/frames_aug.clip/0.npy"
    assert "--runs" in words and not set(words) & {"", "None"}
