"""The smallest demo runs on a Slurm cluster with accounting, where job states are queried with sacct."""

import subprocess
from collections.abc import Iterator

import pytest
from _machines import build, contents
from _slurm import SLURM, Cluster, start
from conftest import Project

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    yield from start("accounting")


@pytest.fixture(scope="module")
def ran(cluster, tmp_path_factory) -> Project:
    project = build(tmp_path_factory.mktemp("cluster"))
    profile = "profiles/slurm/config.yaml"
    project.replace(profile, "default-resources:\n", "default-resources:\n  slurm_account: lab\n")
    project.replace(profile, "slurm-status-command: squeue", "slurm-status-command: sacct")
    project.run("snakemake", *SLURM)
    return project


def test_the_cluster_makes_what_this_machine_makes_byte_for_byte(ran, tmp_path):
    here = build(tmp_path)
    here.snakemake()
    made = contents(ran)
    assert {"results/demo/summary.csv", "results/demo/metrics.json", "results/demo/report.html"} <= made.keys()
    assert sum(path.endswith(".npy") for path in made) > 12
    assert made == contents(here)


def test_nothing_is_left_to_do_here_or_there(ran):
    assert ran.planned() == ran.planned(*SLURM) == {}


def test_evaluations_share_an_allocation_and_so_do_tables_and_page(ran, cluster):
    assert len(cluster.of("evaluation")) == len(cluster.of("report")) == 1
    assert len(cluster.of("train")) == 6 and not any("TresPerJob" in job for job in cluster.of("train"))


def test_accounts_tell_what_each_job_took(ran, cluster):
    command = ["sacct", "--allocations", "--noheader", "--parsable2", "--format", "JobID,State,Account,ReqMem"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    jobs = [line.split("|") for line in listed]
    assert {job[0] for job in jobs} == {job["JobId"] for job in cluster.jobs()}
    assert {(state, account) for _, state, account, _ in jobs} == {("COMPLETED", "lab")}
    assert {memory for *_, memory in jobs} >= {"4000M", "8000M"}
