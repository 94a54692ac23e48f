"""profiles/slurm works on a real one-node Slurm cluster: groups, GPUs, memory, failures, and identical results."""

import re
from collections.abc import Iterator

import pytest
from _machines import build, contents, copy
from _slurm import SLURM, Cluster, start
from conftest import Project

from emospace.plan.plan import gpu_here

pytestmark = pytest.mark.workflow

FEATURES = [f"data/features/demo/text.letters/{part}.json" for part in range(3)]

# Faults of two jobs, on the cluster only: part 1 allocates an extra 1.5 GB, part 2 fails.
FAULTS = """def job(args, recipe):
    import os, time

    if "SLURM_JOB_ID" in os.environ and args.out.stem == "1":
        hoard = bytes(range(256)) * 6_000_000
        time.sleep(8)
    if "SLURM_JOB_ID" in os.environ and args.out.stem == "2":
        raise RuntimeError("this node has no electricity")
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    yield from start()


@pytest.fixture(scope="module")
def ran(cluster, tmp_path_factory) -> tuple[Project, str]:
    """A project with features made on the cluster, except those of the failing part, and Snakemake's output."""
    project = build(tmp_path_factory.mktemp("cluster it's"))
    project.replace("workflow_scripts/embed.py", "def job(args, recipe):\n", FAULTS)
    project.replace("profiles/slurm/config.yaml", "mem_mb: attempt * 4000", "mem_mb: attempt * 1500")
    done = project.run("snakemake", *SLURM, *FEATURES, check=False)
    assert done.returncode
    return project, done.stdout


def test_jobs_that_can_use_a_gpu_ask_slurm_for_one_and_see_it(ran, cluster):
    gpu_jobs = cluster.of("embed_text_letters")
    assert len(gpu_jobs) > 3
    assert {job["TresPerJob"] for job in gpu_jobs} == {"gres:gpu:1"}
    assert {job["CUDA_VISIBLE_DEVICES"] for job in gpu_jobs} <= {"0", "1"}
    for job in cluster.of("make_demo") + cluster.of("part"):
        assert "TresPerJob" not in job and job["CUDA_VISIBLE_DEVICES"] == "none"


def test_small_jobs_share_an_allocation(ran, cluster):
    project, _ = ran
    (group,) = cluster.of("part")
    assert group["MinMemoryNode"] == "3000M" and group["CPUs/Task"] == "3"
    for rule in ("index_part", "extract_text"):
        assert len(list((project.folder / "logs" / rule / "demo").glob("*.log"))) == 3
    assert not cluster.of("index_part") + cluster.of("extract_text")


def test_a_job_that_needs_more_memory_is_submitted_again_with_more(ran, cluster):
    project, said = ran
    first, second = cluster.of("embed_text_letters_wildcards_demo_1")
    assert (first["JobState"], first["MinMemoryNode"]) == ("FAILED", "1500M")
    assert (second["JobState"], second["MinMemoryNode"]) == ("COMPLETED", "3000M")
    assert f"StepId={first['JobId']}.0 exceeded memory limit" in said
    assert (project.folder / FEATURES[1]).exists()


def test_a_job_that_dies_is_reported_with_its_log(ran, cluster):
    project, said = ran
    failed = cluster.of("embed_text_letters_wildcards_demo_2")
    assert [job["JobState"] for job in failed] == ["FAILED"] * 3
    for job in failed:
        report = said.partition(f"SLURM-job '{job['JobId']}' failed")[2]
        path, _, content = report.partition("Logfile logs/embed/demo/text.letters/2.log:")
        assert job["StdOut"] in path and "logs/embed/demo/text.letters/2.log" in path
        assert "RuntimeError: this node has no electricity" in content.partition("Logfile")[0]
    assert not (project.folder / FEATURES[2]).exists()


def test_what_the_cluster_made_is_what_this_machine_makes(ran, tmp_path):
    project, _ = ran
    there = copy(project, tmp_path / "local")
    for name in ("data", "weights", ".snakemake"):
        (there.folder / name).rename(there.folder / f"{name}.cluster")
    there.snakemake(*FEATURES)
    here = contents(project)
    assert len(here) > 20 and here.items() <= contents(there).items()


@pytest.mark.parametrize("profile", [SLURM, []])
def test_only_what_can_use_a_gpu_asks_for_one_where_there_is_one(profile, project):
    said = project.run("snakemake", "--cores", "1", "-n", *profile).stdout
    blocks = [block for block in re.split(r"^\[.+\]$", said, flags=re.MULTILINE) if "gpu=1" in block]
    asking = {(re.search(r"rule (\w+):", block)[1], *re.findall(r" run=(\w+)", block)[:1]) for block in blocks}
    expected = {("embed_frames_clip",), ("embed_frames_aug_clip",), ("embed_text_sbert",), ("train", "unified")}
    expected.add(("analyse_subsets", "unified"))
    assert asking == (expected if profile or gpu_here() else set())
