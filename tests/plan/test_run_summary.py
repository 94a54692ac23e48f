"""The summary at the end of a run: a table of the jobs that ran, and the rule, log and message of each failure."""

import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from _machines import copy, smallest
from conftest import ROOT, Project

from emospace.plan.run_summary import summary

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def ran(folder: Path, rule: str, number: int, seconds: float, memory: str, **resources) -> SimpleNamespace:
    """Return a job with the files that Snakemake would have written."""
    benchmark, log = folder / f"{rule}{number}.tsv", folder / f"{rule}{number}.log"
    benchmark.write_text(f"{HEADER}{seconds}\t0:00:00\t{memory}" + "\t-" * 7 + "\n")
    job = SimpleNamespace(rule=SimpleNamespace(name=rule), output=["a"], log=[str(log)], benchmark=str(benchmark))
    job.resources = resources
    return job


def test_the_table_has_total_times_peak_memory_and_gpu_hours(tmp_path):
    jobs = [ran(tmp_path, "train", i, 5400, f"{100 + i}.5", gpu=1) for i in range(2)]
    jobs += [ran(tmp_path, "merge", 0, 0.2, "NA", gpu=0), ran(tmp_path, "index", 0, 9, "7", gpu=1)]
    target = SimpleNamespace(rule=SimpleNamespace(name="all"), output=[])
    needed = jobs[:3]
    lines = summary([*jobs, target], needed.__contains__, lambda job: True).splitlines()
    assert lines[0] == "3 of 3 jobs done, 1 up to date before."
    assert [line.split() for line in lines[2:]] == [
        ["train", "2", "3:00:00", "102", "MB", "3.000"],
        ["merge", "1", "0:00:00"],
    ]


def test_failed_jobs_are_listed_with_the_end_of_their_logs(tmp_path):
    jobs = [ran(tmp_path, "train", i, 1, "1", gpu=0) for i in range(3)]
    Path(jobs[1].log[0]).write_text("first\n\n" + "".join(f"line {i}\n" for i in range(9)))
    group = SimpleNamespace(jobs=jobs[:2])
    text = summary(jobs, lambda job: True, lambda job: job is jobs[0], [group, jobs[2]])
    assert text.startswith("1 of 3 jobs done")
    assert text.count("failed:") == 2
    assert f"failed: train, log: {jobs[1].log[0]}\n  line 5\n  line 6\n  line 7\n  line 8\n" in text
    assert text.endswith(f"log: {jobs[2].log[0]}\n  (the job ended without writing to it)")


def test_every_rule_with_a_command_has_a_log_and_a_benchmark():
    for file in sorted((ROOT / "rules").glob("*.smk")):
        text = file.read_text(encoding="utf-8")
        pairs = re.findall(r'log:\s+(f?"logs/.*)\.log",\s+benchmark:\s+(f?"logs/.*)\.tsv"', text)
        assert len(pairs) == text.count("shell:\n"), file
        assert all(log == benchmark for log, benchmark in pairs), file


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> SimpleNamespace:
    """The smallest project with one feature and one run, built once, with its planned jobs and its output."""
    project = Project(tmp_path_factory.mktemp("seeing it's"))
    config = smallest()
    del config["features"]["text.letters"], config["runs"]["probe_text"]
    project.configure(config)
    planned = project.planned()
    return SimpleNamespace(project=project, planned=planned, output=project.snakemake())


@pytest.fixture
def project(built, tmp_path) -> Project:
    """A copy of the built project for one test to change."""
    return copy(built.project, tmp_path / "copy")


def last_summary(project: Project) -> tuple[str, dict[str, int]]:
    """Return the first line of the last summary, and its table as rule -> jobs."""
    text = (project.folder / "logs/summary.txt").read_text(encoding="utf-8")
    head, *lines = text.partition("\nfailed:")[0].splitlines()
    rows = [line.split() for line in lines[1:]]
    return head, {row[0]: int(row[1]) for row in rows}


@pytest.mark.workflow
def test_a_run_ends_with_a_table_of_its_jobs(built):
    head, table = last_summary(built.project)
    planned = {rule: count for rule, count in built.planned.items() if rule not in {"all", "report"}}
    assert table == planned
    number = sum(planned.values())
    assert head == f"{number} of {number} jobs done, 0 up to date before."
    text = (built.project.folder / "logs/summary.txt").read_text(encoding="utf-8")
    assert text in built.output
    assert re.search(r"^  train +3 +\d:\d\d:\d\d +\d+ MB$", text, re.MULTILINE)


@pytest.mark.workflow
def test_a_dry_run_has_no_summary_and_a_quiet_run_only_writes_it(built, project):
    summary_file = project.folder / "logs/summary.txt"
    summary_file.unlink()
    assert "jobs done" not in project.snakemake() + project.snakemake("--touch", "--forceall")
    assert not summary_file.exists()
    (project.folder / "results/demo/result.txt").unlink()
    output = project.snakemake("--quiet", "all")
    assert "jobs done" not in output
    head, table = last_summary(project)
    assert "summarize" in table and "index_part" not in table
    assert head.endswith(f" {sum(last_summary(built.project)[1].values()) - sum(table.values())} up to date before.")


@pytest.mark.workflow
def test_a_failed_job_is_shown_with_its_rule_log_and_remedy(project):
    project.replace("config.yaml", "audio.mfcc: {}", "audio.mfcc: {coefficients: 13}")
    store = project.folder / "data/views/demo/audio/1.npy"
    store.write_bytes(store.read_bytes()[:100])
    done = project.run("snakemake", "--cores", "2", "--keep-going", check=False)
    assert done.returncode == 1
    log = "logs/embed/demo/audio.mfcc/1.log"
    message = (project.folder / log).read_text(encoding="utf-8").splitlines()[-1]
    assert re.search(r"data/views/demo/audio/1\.npy: not a readable store .*delete it and run", message)
    ending = done.stdout[re.search(r"\d+ of \d+ jobs done", done.stdout).start() :]
    assert f"failed: embed_audio_mfcc, log: {log}\n" in ending and message in ending
    assert "Error in rule embed_audio_mfcc" in done.stdout[: -len(ending)]
    assert last_summary(project)[1] == {"embed_audio_mfcc": 2}
    # `make demo` hides Snakemake's own job messages, but failures must stay visible.
    quiet = project.snakemake("--quiet", "rules", "host", "reason", check=False)
    assert f"failed: embed_audio_mfcc, log: {log}\n" in quiet and message in quiet


@pytest.mark.workflow
def test_concurrent_jobs_share_a_terminal_line_for_their_progress_bars(project):
    """Bars appear on a terminal (with a size, since a bar needs room) and in no log."""
    project.replace("config.yaml", "audio.mfcc: {}", "audio.mfcc: {coefficients: 13}")
    command = "stty cols 100 rows 24; snakemake --cores 2 data/features/demo/audio.mfcc/{0,1,2}.npy"
    terminal = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    output = project.run("python", "-c", terminal, "bash", "-c", command).stdout
    assert "3 of 3 jobs done" in output
    assert re.search(r"mfcc: +\d+%\|.*\d/\d+ \[.*row", output)
    assert not any("%|" in log.read_text(encoding="utf-8") for log in (project.folder / "logs").rglob("*.log"))


@pytest.mark.workflow
def test_the_summary_of_a_thousand_jobs_is_fast(tmp_path):
    jobs = [ran(tmp_path, f"rule{i % 20}", i, 1.5, "12.5", gpu=1) for i in range(1000)]
    start = time.process_time()
    summary(jobs, lambda job: True, lambda job: True)
    assert time.process_time() - start < 0.3


@pytest.mark.workflow
def test_snakemakes_own_report_needs_no_network(project):
    page = project.folder / "report.html"
    project.snakemake("--report", page.name)
    text = page.read_text(encoding="utf-8")
    assert "embed_audio_mfcc" in text and "probe" in text
    assert not re.search(r"""<(script|link|img)[^>]+(src|href)=["']?https?:""", text)
