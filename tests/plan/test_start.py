"""A run is planned once, in Snakemake's main process, and prepared for conda and DVC before any job starts."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT, shipped
from snakemake.settings.types import DeploymentMethod

from emospace.core.errors import InputError
from emospace.core.provenance import write_json
from emospace.plan import start
from emospace.plan.plan import STATE, Plan
from emospace.plan.snapshot import freeze, thaw


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    """An empty folder in which the configs can be planned, outside DVC."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    monkeypatch.delenv("EMOSPACE_RAVDESS", raising=False)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "config.yaml").write_text("private_remote: ''\n")
    return tmp_path


def workflow(main: bool = True, conda: bool = False, touch: bool = False, jobs: tuple = ()) -> SimpleNamespace:
    """The part of Snakemake's workflow that this module reads. jobs: (rule, corpus) of the jobs about to run."""
    needrun = [SimpleNamespace(rule=SimpleNamespace(name=r), wildcards=SimpleNamespace(corpus=c)) for r, c in jobs]
    return SimpleNamespace(
        is_main_process=main,
        touch=touch,
        config_settings=SimpleNamespace(configfiles=[Path("config.yaml")]),
        deployment_settings=SimpleNamespace(deployment_method={DeploymentMethod.CONDA} if conda else set()),
        dag=SimpleNamespace(needrun_jobs=lambda: needrun),
    )


def planned(config: dict, **settings) -> tuple[Plan, SimpleNamespace, list[str]]:
    """Return the plan of a run, its workflow, and the warnings that were shown."""
    run, warnings = workflow(**settings), []
    return start.plan_of(run, config, warnings.append), run, warnings


def refuse_call(*arguments):
    raise AssertionError("a job planned the run again")


def small(name: str = "demo") -> dict:
    """A config of one feature and one run on the demo corpus."""
    return shipped("config.yaml") | {
        "name": name,
        "views": {"audio": {}},
        "weights": {},
        "features": {"audio.mfcc": {}},
        "protocols": {"session": {"corpus": "demo", "split": "session", "labels": "iemocap4", "folds": 5}},
        "runs": {"probe": {"model": "linear_probe", "protocol": "session", "inputs": ["audio.mfcc"]}},
    }


def nowhere() -> dict:
    """The same on a corpus that is absent."""
    protocol = {"corpus": "ravdess", "split": "actors", "labels": "two", "folds": 3}
    return small() | {
        "corpora": {"ravdess": {"root": "nowhere", "parts": 2}},
        "protocols": {"session": protocol},
        "labels": {"two": {"03": "happy", "04": "sad"}},
    }


def test_the_main_process_hands_its_plan_on_to_the_jobs():
    plan, run, warnings = planned(small())
    (handed,) = run.config_settings.configfiles
    job = thaw(json.loads(handed.read_text()))
    assert handed.is_absolute() and handed.parent == (STATE / "plans").absolute()
    assert (job.config, job.recipes, job.raw) == (plan.config, plan.recipes, plan.raw)
    assert plan.raw["demo"] and warnings == []


def test_every_recipe_becomes_newer_than_the_artifacts():
    before = {path: path.stat().st_mtime_ns for path in Plan(small()).recipes.values()}
    plan, *_ = planned(small())
    assert before and {*plan.recipes.values()} == {*before}
    assert all(path.stat().st_mtime_ns > then for path, then in before.items())


def test_warnings_of_the_plan_are_shown():
    plan, _, warnings = planned(nowhere())
    assert warnings == plan.warnings and "no file of 'ravdess' is there" in warnings[0]


def test_a_job_on_another_machine_takes_the_plan_over_and_does_not_plan_again(monkeypatch):
    plan = Plan(small())
    config = json.loads(freeze(plan, STATE / "plans").read_text())
    shutil.rmtree(STATE / "recipes")
    monkeypatch.setenv("DVC_STAGE", "features")
    monkeypatch.setattr(start, "_planned", refuse_call)
    job, run, _ = planned(config, main=False)
    assert job.recipes == plan.recipes and not (STATE / "recipes").exists()
    assert run.config_settings.configfiles == [Path("config.yaml")] and not Path("data").exists()
    with pytest.raises(InputError, match="without the plan of its run"):
        planned(small(), main=False)


def test_a_folder_that_cannot_be_written_is_an_error_that_a_user_can_fix():
    STATE.write_text("a file in place of the folder")
    with pytest.raises(InputError, match=rf"{STATE}.*: (File exists|Not a directory)\. fix its permissions"):
        planned(small())


def test_dvc_finds_every_folder_that_it_requires(monkeypatch):
    planned(small())
    assert not Path("data").exists() and not Path("results").exists()
    monkeypatch.setenv("DVC_STAGE", "corpora")
    planned(small("mine"))
    folders = ["data/raw", "data/views", "data/augmented", "weights", "results/mine/analyses"]
    assert all(Path(folder).is_dir() for folder in folders)


def test_dvc_repro_detects_replaced_artifacts_of_this_config_only(monkeypatch):
    calls = []
    monkeypatch.setattr(start, "forget_exchanged", lambda *arguments: calls.append(arguments))
    planned(small())
    assert calls == []
    monkeypatch.setenv("DVC_STAGE", "corpora")
    planned(small("mine"))
    assert [(name, [*corpora], recipes) for name, corpora, recipes in calls] == [("mine", ["demo"], STATE / "recipes")]


def test_a_restricted_corpus_is_refused_before_dvc_records_it(monkeypatch):
    write_json(Path("data/manifest/signed/0.json"), {"recipe": {"plugin": "iemocap"}})
    planned(small())  # without DVC nothing is recorded
    monkeypatch.setenv("DVC_STAGE", "corpora")
    run = workflow()
    with pytest.raises(InputError, match="signed has data in this project and must not be shared"):
        start.plan_of(run, small(), print)
    assert not Path("data/raw").exists() and run.config_settings.configfiles == [Path("config.yaml")]


def test_raw_files_that_dvc_does_not_watch_are_refused(monkeypatch):
    Path("dvc.yaml").write_text("stages: {corpora: {}}\n")
    planned(nowhere())
    monkeypatch.setenv("DVC_STAGE", "corpora")
    with pytest.raises(InputError, match=r"dvc.yaml: ravdess may be outside the paths that DVC watches"):
        planned(nowhere())


def test_use_conda_needs_the_command_conda(tmp_path, monkeypatch):
    (programs := tmp_path / "programs").mkdir()
    (programs / "bash").symlink_to(shutil.which("bash"))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("BASH_ENV", "")
    monkeypatch.delenv("BASH_FUNC_conda%%", raising=False)
    start.check_conda(workflow())
    with pytest.raises(InputError, match=r"--use-conda: it needs the command `conda`.*install Miniforge"):
        start.check_conda(workflow(conda=True))
    (programs / "conda").write_text("#!/bin/sh\n")
    (programs / "conda").chmod(0o755)
    start.check_conda(workflow(conda=True))


def test_an_absent_corpus_is_refused_only_if_a_job_is_about_to_read_it():
    plan, *_ = planned(nowhere())
    index = ("index_part", "ravdess")
    with pytest.raises(InputError, match="no file of 'ravdess' is there, but a job must read it"):
        start.refuse_absent(workflow(jobs=(("index_part", "other"), index)), plan)
    start.refuse_absent(workflow(jobs=(("merge_manifest", "ravdess"), ("index_part", "other"))), plan)
    start.refuse_absent(workflow(jobs=(index,), touch=True), plan)  # --touch runs no job
