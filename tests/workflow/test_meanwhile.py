"""A run computes what its plan says, even if files are edited or another run is planned meanwhile."""

import json
import shlex
import subprocess
import sys
import time

import pytest
import yaml
from _machines import copy
from conftest import Project

from benchmarks._project import environment
from emospace.core.provenance import read_json

pytestmark = pytest.mark.workflow
STORES = [f"data/features/demo/audio.mfcc/{part}.json" for part in range(3)]
RUN = ["snakemake", "--cores", "1", *STORES]
PATIENCE = 240  # seconds


@pytest.fixture
def project(origin, tmp_path) -> Project:
    """A copy of the project with everything built."""
    return copy(origin, tmp_path / "it's")


def configure(project: Project, coefficients: int) -> None:
    config = yaml.safe_load((project.folder / "config.yaml").read_text(encoding="utf-8"))
    config["features"]["audio.mfcc"] = {"coefficients": coefficients}
    config["runs"]["probe"]["max_iter"] = 100 * coefficients
    project.configure(config)


def options(project: Project) -> list[dict]:
    return [read_json(project.folder / store)["recipe"]["options"] for store in STORES]


def test_a_dry_run_of_an_edited_config_changes_nothing_of_a_run_in_progress(project):
    configure(project, 13)
    run = subprocess.Popen(RUN, cwd=project.folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    end = time.monotonic() + PATIENCE
    while not any(made == {"coefficients": 13} for made in options_there(project)):
        assert run.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    assert options_there(project).count({"coefficients": 13}) < len(STORES)  # some stores are not rebuilt yet
    configure(project, 12)
    assert project.planned(*STORES)["embed_audio_mfcc"] >= 2
    said, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, said.decode()
    assert options(project) == [{"coefficients": 13}] * 3
    planned = project.planned()
    assert planned["embed_audio_mfcc"] == 3 and planned["train"] == 3
    configure(project, 13)
    assert project.planned(*STORES) == {}


def options_there(project: Project) -> list[dict]:
    """Options of the stores that exist."""
    return [read_json(project.folder / s)["recipe"]["options"] for s in STORES if (project.folder / s).exists()]


# Prints the arguments that Snakemake adds to the command of each remote job.
HANDED_ON = """
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import DAGSettings, OutputSettings, Quietness, ResourceSettings
from snakemake.spawn_jobs import SpawnedJobArgsFactory

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    workflow = api.workflow(snakefile=Path("Snakefile"), resource_settings=ResourceSettings(cores=1))
    workflow.dag(DAGSettings(targets=frozenset(["features"]))).execute_workflow(executor="dryrun")
    print(SpawnedJobArgsFactory(workflow._workflow).get_configfiles_arg())
"""


def test_a_job_on_another_machine_computes_what_its_plan_said(project):
    """The job is started as a cluster executor would, after config.yaml was made invalid."""
    configure(project, 13)
    handed = shlex.split(project.run(sys.executable, "-c", HANDED_ON).stdout.splitlines()[-1])
    assert handed[0] == "--configfiles" and "/.emospace/plans/" in handed[1]
    config = project.folder / "config.yaml"
    whole = config.read_text(encoding="utf-8")
    config.write_text("features: [half a sentence")
    job = ["snakemake", "--mode", "remote", "--cores", "1", "--force", "--nolock", "--no-hooks"]
    target = ["--target-jobs", "embed_audio_mfcc:corpus=demo,part=1", "--allowed-rules", "embed_audio_mfcc", "--"]
    project.run(*job, *handed, *target)
    assert options(project) == [{}, {"coefficients": 13}, {}]
    config.write_text(whole)
    alone = project.run(*job, STORES[0], check=False)
    assert alone.returncode and "without the plan of its run" in alone.stdout
    assert options(project)[0] == {}


def test_a_corpus_that_is_nowhere_is_said_when_planned_and_refused_before_any_job(project, tmp_path):
    config = ["--configfile", "configs/ravdess.yaml"]
    nowhere = {"EMOSPACE_RAVDESS": str(tmp_path / "nowhere")}
    warning = f"{tmp_path / 'nowhere'}: no file of 'ravdess' is there"
    said = project.snakemake("-n", "-q", "all", *config, "--", "corpora", **nowhere)
    assert f"{warning}; it was never indexed either. mount its disk, or set EMOSPACE_RAVDESS" in said
    said = project.snakemake(*config, "--", "corpora", check=False, **nowhere)
    assert f"{warning}, but a job must read it. mount its disk" in said and "Traceback" not in said
    assert not (project.folder / "logs/index_part/ravdess").exists()
    assert not (project.folder / "data/manifest/ravdess").exists()
    assert json.loads((project.folder / "data/manifest/demo.json").read_text())
    assert project.planned(*config, "--", "weights", **nowhere) != {}
