"""Two jobs never share one machine's GPU: the real DAG and scheduler run jobs that record their times."""

from itertools import combinations

import pytest
from _machines import plant_letters, smallest
from conftest import Project

pytestmark = pytest.mark.workflow

RECORDER = """
import sys, time
from pathlib import Path

outputs = [Path(path) for path in sys.argv[1 : sys.argv.index("--")]]
start = time.time()
time.sleep(SECONDS if str(outputs[0]).startswith(ON_GPU) else 0.3)
for path in outputs:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
with open("jobs.txt", "a") as handle:
    handle.write(f"{outputs[0]} {start} {time.time()}\\n")
"""
ON_GPU = ("data/features/demo/text.letters/", "results/demo/runs/unified/")  # three jobs each
SECONDS = 2  # duration of a GPU job: longer than starting the next job takes, even on a busy machine
ON_CPU = ("data/views/", "results/demo/runs/probe")


@pytest.fixture
def recorded(project) -> Project:
    """A project that assumes a GPU; its jobs create empty outputs and record when they ran."""
    config = smallest()
    config["runs"]["unified"] = {"model": "unified", "protocol": "session", "inputs": ["text.letters"]}
    plant_letters(project)
    project.configure(config)
    project.replace(
        "emospace/plan/plan.py",
        "return any(file for name in GPU_FILES",
        "return True or any(file for name in GPU_FILES",
    )
    (project.folder / "recorder.py").write_text(f"{ON_GPU, SECONDS = }\n{RECORDER}", encoding="utf-8")
    for path in (project.folder / "rules").glob("*.smk"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"python -m ', '"python recorder.py {output:q} -- '), encoding="utf-8")
    site = project.folder / "site"
    site.mkdir()
    (site / "config.yaml").write_text("resources: [mem_mb=100000]\n", encoding="utf-8")
    return project


def at_once(jobs: list[list[str]], folders: tuple[str, ...]) -> int:
    """Number of pairs of jobs with outputs in these folders that overlapped in time."""
    spans = [(float(start), float(end)) for path, start, end in jobs if path.startswith(folders)]
    assert len(spans) >= 6
    return sum(max(a[0], b[0]) < min(a[1], b[1]) for a, b in combinations(spans, 2))


@pytest.mark.parametrize(
    ("arguments", "shared"),
    [
        ([], False),
        (["--profile", "site"], False),
        (["--workflow-profile", "none", "--resources", "mem_mb=100000"], False),
        (["--resources", "gpu=2"], True),
    ],
    ids=["as it is", "another profile", "no profile", "two allowed"],
)
def test_jobs_on_the_gpu_run_one_by_one_unless_told_otherwise(arguments, shared, recorded):
    recorded.snakemake("--cores", "8", *arguments)
    jobs = [line.split() for line in (recorded.folder / "jobs.txt").read_text(encoding="utf-8").splitlines()]
    assert at_once(jobs, ON_CPU) > 0
    assert (at_once(jobs, ON_GPU) > 0) == shared
    rows = [line.split() for line in (recorded.folder / "logs/summary.txt").read_text(encoding="utf-8").splitlines()]
    hours = {row[0]: float(row[-1]) for row in rows if row[0] in ("train", "embed_text_letters")}
    assert hours["train"] >= 3 * SECONDS / 3600 - 0.001 and hours.keys() == {"train", "embed_text_letters"}
