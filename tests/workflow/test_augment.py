"""Augmentation works end to end; an edit reruns its dependants, but never a run without augmentation."""

import json
from pathlib import Path

import pytest
from _augmented import augmented, small, tiny_weights
from _declared import recording, undeclared
from _results import read_csv
from conftest import Project, shipped

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def plain() -> dict:
    return small(shipped("config.yaml"))


@pytest.fixture(scope="module")
def config(plain, tmp_path_factory) -> dict:
    return augmented(plain, tiny_weights(tmp_path_factory.mktemp("weights")))


@pytest.fixture(scope="module")
def built(plain, config, tmp_path_factory) -> tuple[Project, dict[str, bytes]]:
    """Train the small demo without augmentation, then add augmentation; return the project and the first results."""
    project = Project(tmp_path_factory.mktemp("augment it's"))
    project.configure(plain)
    project.snakemake("train_all")
    before = results(project)
    project.configure(config)
    planned = project.planned("train_all")
    assert planned["train"] == 6  # two new runs on three folds; the old runs are unchanged
    project.snakemake("augment", "train_all", "report", "export", **recording(project))
    return project, before


@pytest.fixture
def project(built, config) -> Project:
    yield built[0]
    built[0].configure(config)


def results(project: Project) -> dict[str, bytes]:
    """Contents of all files and recipes of the runs without augmentation."""
    runs = [project.folder / f"results/demo/runs/{name}" for name in ("probe", "probe_text")]
    recipes = [path for run in runs for path in project.folder.glob(f".emospace/recipes/train/{run.name}-*.json")]
    assert len(recipes) == len(runs)
    files = [path for run in runs for path in run.rglob("*") if path.is_file()] + recipes
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in files}


def of(project: Project, file: str) -> Path:
    return project.folder / "results/demo/augmented" / file


def kinds(planned: dict[str, int]) -> set[str]:
    return {name for name in planned if name not in {"augment", "train_all"}}


def planned(project: Project, config: dict, *targets: str) -> dict[str, int]:
    project.configure(config)
    return project.planned(*(targets or ("augment", "train_all")))


def test_every_file_that_a_job_opens_is_declared_by_its_rule(project):
    assert undeclared(project, "export") == {}


def test_a_second_run_does_nothing(project):
    assert project.planned("augment", "train_all") == {}


def test_runs_without_augmentation_are_untouched_to_the_byte(built):
    project, before = built
    assert len(before) > 30
    assert results(project) == before


def test_every_row_has_its_copy_its_score_and_its_verdict(project):
    for part in range(3):
        rows = read_csv(project.folder / f"data/manifest/demo/{part}.csv")
        texts = read_csv(project.folder / f"data/augmented/views/demo/text_bt/{part}.csv")
        assert [t["utterance"] for t in texts] == [r["utterance"] for r in rows]
        said = [t["text"] for t in read_csv(project.folder / f"data/views/demo/text/{part}.csv")]
        assert any(t["text"] not in ("", words) for t, words in zip(texts, said, strict=True))
        for view in ("text_bt", "frames_aug"):
            scores = read_csv(of(project, f"scores/demo/{view}/{part}.csv"))
            assert [s["utterance"] for s in scores] == [r["utterance"] for r in rows]
            assert "pass" in {s["verdict"] for s in scores} <= {"pass", "fail"}


def test_children_are_the_train_rows_that_passed_and_the_counts_tell(project):
    counts = {(c["fold"], c["view"]): c for c in read_csv(of(project, "children.csv"))}
    assert len(counts) == 6
    for fold in ("fold0", "fold1", "fold2"):
        table = read_csv(project.folder / f"results/demo/protocols/session/{fold}.csv")
        for view in ("text_bt", "frames_aug"):
            verdicts = read_csv(of(project, f"gate/session/{fold}.{view}.csv"))
            children = read_csv(of(project, f"children/session/{fold}.{view}.csv"))
            assert [v["utterance"] for v in verdicts] == [t["utterance"] for t in table if t["split"] == "train"]
            assert [c["parent"] for c in children] == [v["utterance"] for v in verdicts if v["verdict"] == "pass"]
            assert int(counts[fold, view]["children"]) == len(children) > 0


def test_training_learns_from_the_children_and_says_what_it_read(project):
    for run, views in (("probe_bt", ["text_bt"]), ("probe_both", ["frames_aug", "text_bt"])):
        facts = json.loads((project.folder / f"results/demo/runs/{run}/fold0-1/run.json").read_text())
        assert sorted(facts["children"]) == views
        table = read_csv(project.folder / "results/demo/protocols/session/fold0.csv")
        originals = sum(line["split"] == "train" for line in table)
        assert facts["n"]["train"] == originals + sum(facts["children"].values())
        audits = [f"results/demo/augmented/audit/session.{view}.json" for view in views]
        assert all(json.loads((project.folder / audit).read_text())["ok"] for audit in audits)
        assert set(audits) < set(facts["inputs"])
    first = (project.folder / "results/demo/runs/probe_bt/fold0-1/model.safetensors").read_bytes()
    assert first != (project.folder / "results/demo/runs/probe_text/fold0-1/model.safetensors").read_bytes()


def with_view(config: dict, view: str, **options) -> dict:
    return config | {"views": config["views"] | {view: config["views"][view] | options}}


AFTER_BT = {"embed_text_bt_sbert", "score_text_bt", "check_augmented", "gate_fold", "make_children", "count_children"}
AFTER_BT |= {"audit_children", "make_sheet", "train"}


def test_another_search_translates_anew_and_touches_no_run_without_it(project, config):
    jobs = planned(project, with_view(config, "text_bt", num_beams=3))
    assert kinds(jobs) == {"augment_text_bt"} | AFTER_BT
    assert (jobs["augment_text_bt"], jobs["embed_text_bt_sbert"], jobs["gate_fold"], jobs["train"]) == (3, 3, 3, 6)


def test_other_transforms_change_pictures_and_no_text(project, config):
    jobs = planned(project, with_view(config, "frames_aug", quality=80))
    assert {"augment_frames_aug", "embed_frames_aug_clip", "score_frames_aug"} < kinds(jobs)
    assert not {"augment_text_bt", "score_text_bt", "embed_frames_clip"} & kinds(jobs)
    assert (jobs["gate_fold"], jobs["train"]) == (3, 3)  # of this view, and of the run that reads it


def test_a_threshold_judges_anew_and_makes_nothing_anew(project, config):
    jobs = planned(project, config | {"gate": {"text_bt": {"min_similarity": 0.99}}})
    assert kinds(jobs) == {
        "score_text_bt",
        "make_sheet",
        "gate_fold",
        "make_children",
        "count_children",
        "audit_children",
        "train",
    }
    assert jobs["train"] == 6


def test_without_augmented_views_the_phase_makes_an_empty_table(project, plain):
    jobs = planned(project, plain, "augment")
    assert kinds(jobs) == {"count_children"}


def test_an_edited_script_of_the_audit_audits_anew_and_makes_no_child(project):
    path = project.folder / "workflow_scripts/audit_children.py"
    content = path.read_text()
    path.write_text(content + "EDITED = True\n")
    try:
        assert "audit_children" in kinds(project.planned("augment")) <= {"audit_children"}
    finally:
        path.write_text(content)


def test_a_child_that_is_no_longer_its_parents_stops_the_workflow(project):
    """A table edited by hand is stale and would be rebuilt; if the run is forced to keep it, no training starts."""
    table = of(project, "children/session/fold0.text_bt.csv")
    content = table.read_text()
    lines = read_csv(table)
    other = next(line for line in lines if line["label"] != lines[0]["label"])
    table.write_text(content.replace(lines[0]["label"], other["label"]))
    audit = of(project, "audit/session.text_bt.json")
    runs = project.folder / "results/demo/runs"
    trained = {path: path.stat().st_mtime_ns for path in runs.glob("*/*/model.safetensors")}
    # With --keep-going, every job that does not depend on the failed audit would run.
    forced = ("train_all", "--forcerun", "audit_children", "--allowed-rules", "audit_children", "train", "--keep-going")
    try:
        assert project.planned(*forced) == {"audit_children": 2, "train": 6, "train_all": 1}
        done = project.run("snakemake", "--cores", "2", *forced, check=False)
        assert done.returncode and "has label" in done.stdout
        assert not audit.exists() and of(project, "audit/session.frames_aug.json").exists()
        assert trained == {path: path.stat().st_mtime_ns for path in runs.glob("*/*/model.safetensors")}
    finally:
        table.write_text(content)
        project.snakemake("augment")


def test_the_report_and_the_export_hold_what_was_made(project):
    assert "text_bt" in (project.folder / "results/demo/report.html").read_text()
    folder = project.folder / "results/demo/export/demo"
    made = {path.name: len(list(path.glob("*.npy"))) for path in folder.iterdir() if path.is_dir()}
    wanted = {"text_embeddings", "augmented_text_embeddings", "frames_embedding", "aug_frames_embeddings"}
    assert made.keys() == wanted | {"mfcc_embeddings"} and min(made.values()) > 0
