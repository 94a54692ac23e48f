"""The demo runs end to end; after an edit, only the jobs that depend on it run again."""

import csv
import json
import os
import re
import time
from collections.abc import Iterator

import pytest
import yaml
from _declared import recording, rules_recorded, undeclared
from _machines import ADOPT, GIT, cloned, contents
from conftest import ROOT, Project

from emospace.plan.adopt import PHASES
from emospace.plan.config_files import complete

pytestmark = pytest.mark.workflow


FOLDS, PARTS = 3, 2
CLIP = "{weights: drawn, model: ViT-S-32-alt}"
# Edits that make the shipped config small enough for a test; every view, feature, run and table remains.
SMALLER = {
    "parts: 3": f"parts: {PARTS}",
    "generate: {sessions: 5, dialogues: 2}": f"generate: {{sessions: {FOLDS}, dialogues: 1}}",
    "split: session, labels: iemocap4": f"split: session, labels: iemocap4, folds: {FOLDS}",
    "split: random, labels: iemocap4": f"split: random, labels: iemocap4, folds: {FOLDS}",
    "epochs: 24": "epochs: 3",
    "{weights: clip}": CLIP,
    "\nweights: # changes to configs/shared/weights.yaml\n": "\nweights:\n  drawn: {source: random}\n",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[Project]:
    """The demo, reduced and run once. Tests undo their changes, so at the end no job is left to run."""
    project = Project(tmp_path_factory.mktemp("demo it's a cafe\u0301"))
    for old, new in SMALLER.items():
        project.replace("config.yaml", old, new)
    project.snakemake(**recording(project))
    yield project
    assert project.planned() == {}


@pytest.fixture
def edited(demo):
    """Return a function that edits files of the demo; the test's end restores them."""
    originals = {}

    def edit(file: str, old: str | bytes, new: str | bytes):
        path = demo.folder / file
        originals.setdefault(path, path.read_bytes())
        old, new = (x.encode() if isinstance(x, str) else x for x in (old, new))
        assert old in originals[path]
        path.write_bytes(originals[path].replace(old, new))
        os.utime(path, (time.time() + 5, time.time() + 5))

    yield edit
    for path, content in originals.items():
        path.write_bytes(content)


def kinds(planned: dict[str, int]) -> set[str]:
    return {name for name in planned if name not in {"all", "report"}}


AFTER_FEATURES = {"train", "evaluate", "analyse_subsets", "summarize", "make_report"}


def test_a_second_run_does_nothing(demo):
    assert demo.planned() == {}


def test_the_demo_of_these_tests_is_the_shipped_one_but_for_its_size(demo):
    shipped, ours = (complete(yaml.safe_load((folder / "config.yaml").read_text())) for folder in (ROOT, demo.folder))
    assert ours["weights"].pop("drawn") and ours.keys() == shipped.keys()
    differ = {key for key in shipped if shipped[key] != ours[key]}
    assert differ == {"corpora", "features", "protocols", "runs"}
    assert all(ours[key].keys() == shipped[key].keys() for key in differ)
    assert {name for name in shipped["runs"] if shipped["runs"][name] != ours["runs"][name]} == {"unified"}


def test_the_summary_has_a_row_per_run_and_no_interval_of_three_sessions(demo):
    with open(demo.folder / "results/demo/summary.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {"probe", "late_fusion", "unified"} <= {r["run"] for r in rows}
    for row in rows:
        for metric in ("WA", "UA", "WF1", "MF1"):
            assert 0 <= float(row[metric]) <= 1 and row[f"{metric}_lo"] == row[f"{metric}_hi"] == ""
    assert {r["run"]: r["leaky"] for r in rows}["probe_random"].lower() in {"true", "1", "yes"}


def test_training_never_sees_a_test_label(demo):
    for table in (demo.folder / "results/demo/protocols/session").glob("*.csv"):
        with open(table, newline="") as handle:
            rows = list(csv.DictReader(handle))
        assert all(not r["label"] for r in rows if r["split"] == "test")
        assert all(r["label"] for r in rows if r["split"] != "test")


def test_every_file_that_a_job_opens_is_declared_by_its_rule(demo):
    more = ["augment", "export", *(f"data/features/demo/frames.top/{part}.json" for part in range(PARTS))]
    demo.snakemake(*more, **recording(demo))
    assert undeclared(demo, *more) == {}
    missing = {path.stem for path in (ROOT / "workflow_scripts").glob("[a-z]*.py")} - rules_recorded(demo)
    assert missing == {"apply_train", "adopt", "check_sharing", "show_result"}  # no rule runs the last three


def test_touching_everything_reruns_nothing(demo):
    later = time.time() + 10
    for folder in ("emospace", "workflow_scripts", "data/raw", "data/manifest", "data/views", "data/features"):
        for path in (demo.folder / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                os.utime(path, (later, later))
    os.utime(demo.folder / "config.yaml", (later, later))
    assert demo.planned() == {}


def test_an_mfcc_option_reruns_mfcc_and_its_dependants_only(demo, edited):
    edited("config.yaml", "audio.mfcc: {}", "audio.mfcc: {coefficients: 13}")
    planned = demo.planned()
    assert kinds(planned) == {"embed_audio_mfcc"} | AFTER_FEATURES
    assert planned["embed_audio_mfcc"] == PARTS
    # probe, probe_aug, probe_audio, late_fusion, unified, probe_random; not probe_frames and probe_text
    assert planned["train"] == 6 * FOLDS


@pytest.mark.parametrize(
    ("module", "rules", "trainings"),
    [
        ("emospace/features/encoders/sbert.py", {"embed_text_sbert"}, 6 * FOLDS),
        ("emospace/features/encoders/mfcc.py", {"embed_audio_mfcc"}, 6 * FOLDS),
        ("emospace/models/unified/__init__.py", set(), FOLDS),
    ],
)
def test_editing_a_module_reruns_its_part_of_the_graph_only(demo, edited, module, rules, trainings):
    content = (demo.folder / module).read_bytes()
    edited(module, content, content + b"EDITED = True\n")
    planned = demo.planned()
    assert kinds(planned) == rules | AFTER_FEATURES
    assert planned["train"] == trainings


def test_a_changed_raw_dialogue_reruns_its_part_only_up_to_training(demo, edited):
    wav = sorted((demo.folder / "data/raw/demo/Session2/sentences/wav").rglob("[!.]*.wav"))[0]
    content = wav.read_bytes()
    edited(str(wav.relative_to(demo.folder)), content[-2000:], bytes(2000))
    planned = demo.planned()
    assert planned["index_part"] == planned["extract_audio"] == planned["embed_audio_mfcc"] == 1
    assert {"train", "make_report"} <= kinds(planned)
    assert "make_demo" not in kinds(planned)


def test_an_edit_is_carried_through_and_recorded(demo, edited):
    edited(
        "config.yaml",
        "frames.top: {select: frames.clip, by: text.clip, k: 1}",
        "frames.top: {select: frames.clip, by: text.clip, k: 2}",
    )
    before = (demo.folder / "results/demo/summary.csv").read_bytes()
    demo.snakemake("data/features/demo/frames.top/0.json")
    sidecar = json.loads((demo.folder / "data/features/demo/frames.top/0.json").read_text())
    assert sidecar["recipe"]["options"]["k"] == 2
    assert (demo.folder / "results/demo/summary.csv").read_bytes() == before


def test_a_misspelt_option_stops_before_any_job(demo, edited):
    edited("config.yaml", "audio.mfcc: {}", "audio.mfcc: {coeficients: 13}")
    output = demo.snakemake("-n", check=False)
    assert "coeficients" in output and "coefficients" in output


def test_lint_is_clean(demo):
    assert "Congratulations" in demo.run("snakemake", "--lint").stdout


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Project:
    """The full demo, built by Snakemake."""
    project = Project(tmp_path_factory.mktemp("shipped"))
    project.snakemake()
    return project


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory) -> Project:
    """The full demo, built by DVC in another folder; tests only add to it."""
    project = Project(tmp_path_factory.mktemp("reproduced"))
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "code"]):
        project.run(*GIT, *command)
    project.run("dvc", "repro")
    return project


@pytest.mark.slow
def test_dvc_repro_on_a_fresh_clone_gives_the_same_metrics(shipped, reproduced):
    for name in ("results/demo/metrics.json", "results/demo/summary.csv"):
        assert (reproduced.folder / name).read_bytes() == (shipped.folder / name).read_bytes()
    assert "up to date" in reproduced.run("dvc", "status").stdout
    assert "unified" in reproduced.run("dvc", "metrics", "show").stdout
    assert "evaluate" in reproduced.run("dvc", "dag").stdout
    assert reproduced.planned() == {}


@pytest.mark.slow
def test_all_of_the_demo_is_adopted_where_it_was_pulled(reproduced, tmp_path):
    """Adoption covers augmented views, runs that read runs, networks and fetched weights: nothing reruns or changes."""
    reproduced.run("dvc", "remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    reproduced.run(*GIT, "add", ".")
    reproduced.run(*GIT, "commit", "-qm", "everything")
    reproduced.run("dvc", "push", "-q")
    clone = cloned(reproduced, tmp_path / "clone")
    clone.run("dvc", "pull", "-q")
    before = contents(clone)
    assert before == contents(reproduced)
    adopted, jobs = map(int, re.search(r"^(\d+) of (\d+) jobs", clone.run(*ADOPT).stdout, re.MULTILINE).groups())
    every = reproduced.planned("--forceall", *PHASES)
    assert {"augment_frames_aug", "make_children", "fetch_weights", "train"} <= every.keys()
    assert adopted == jobs == sum(count for rule, count in every.items() if rule not in PHASES)
    assert clone.planned(*PHASES) == clone.planned() == {}
    assert "up to date" in clone.run("dvc", "status").stdout
    assert not list(clone.folder.rglob("logs/**/*.tsv"))  # every job that runs leaves one
    assert contents(clone) == before
