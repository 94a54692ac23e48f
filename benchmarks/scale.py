"""100,000 utterances in 1,500 dialogues: does planning follow the parts, and do the jobs over all rows stay linear?

Media are empty files and artifacts synthetic (the project's own writers, one step of four numbers a row), so nothing
is encoded. Planning, jobs and DVC are real. Seconds are CPU seconds of a process and its children: other load on the
machine does not show. docs/scale.md has the table that `python -m benchmarks.scale` prints.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks._large import config, corpus
from benchmarks._project import copy_project, environment

# (utterances, parts): more rows at equal parts, more parts at equal rows.
CELLS = [(1_000, 45), (10_000, 45), (100_000, 45), (100_000, 5), (100_000, 90)]
ARGUMENT = 128 * 1024  # bytes that Linux allows one argument, such as the command that bash gets by -c
ROWS = (1_000, 10_000, 100_000)
# In the order in which they need each other.
JOBS = ["index_part", "merge_manifest", "make_protocol_actors", "audit_protocol"]
PHASES = ["report", "augment"]  # all that DVC tracks


def project(folder: Path, utterances: int, parts: int) -> Path:
    """A copy of the project with a raw corpus and a config, nothing made."""
    copy_project(folder)
    corpus(folder / "raw", utterances)
    for name in ("data/raw", "data/augmented"):  # DVC wants both, though the corpus is elsewhere and nothing augmented
        (folder / name).mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config(parts)), encoding="utf-8")
    return folder


@dataclass
class Cost:
    """CPU seconds, and peak memory in MB, of a process and its children."""

    seconds: float
    memory: float


def cost(folder: Path, *command: str) -> Cost:
    """Run one of the environment's programs in a folder."""
    with open(folder / "said.txt", "wb") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)}\n{(folder / 'said.txt').read_text()[-2000:]}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def fill() -> None:
    """In the folder of a project: write what every job would make; say how many there are, and some shell commands."""
    from workflow_scripts.adopt import planned

    with planned([]) as (_, graph):
        jobs = [job for level in graph.toposorted() for job in sorted(level, key=str) if job.output]
        for job in jobs:
            make(job)
        rows = {rule: [job.shellcmd for job in jobs if job.rule.name == rule] for rule in JOBS}
        print(json.dumps({"jobs": len(jobs), "command": max(len(job.shellcmd) for job in jobs), "rows": rows}))


def make(job) -> None:
    """Stores, tables and sidecars of one job, with a row for each utterance of its part."""
    import numpy as np

    from emospace import store
    from emospace.provenance import read_json, write_sidecar

    paths = [Path(path) for path in job.output]
    names = (
        read_json(Path(f".emospace/raw/iemocap/{job.wildcards.part}.json")) if hasattr(job.wildcards, "part") else []
    )
    rows = [name for name in names if name.endswith(".wav")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".npy" and ".offsets" not in path.name:
            store.write(path, (np.ones((1, 4)) for _ in rows), dtype=np.float32, dim=4)
        elif path.suffix not in (".npy", ".json"):
            path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    inputs = [path for path in job.input if not path.startswith(".emospace")]
    tables = [path for path in paths if path.suffix != ".json"]
    for path in paths:
        if path.suffix == ".json":
            write_sidecar(path, read_json(Path(job.input.recipe)), inputs=inputs, outputs=tables)


def filled(folder: Path) -> dict:
    """What `fill` says of a project."""
    cost(folder, sys.executable, "-c", "from benchmarks.scale import fill; fill()")
    return json.loads((folder / "said.txt").read_text().splitlines()[-1])


def workflow(folder: Path) -> dict:
    """Jobs, the longest shell command, and the cost of planning, of finding nothing to do and of asking DVC."""
    plan = ["snakemake", "-n", "--cores", "1", "--quiet", "all"]
    found = {"first": cost(folder, *plan), "plan": cost(folder, *plan)}
    found |= filled(folder)
    cost(folder, "snakemake", "--touch", "--cores", "1", "--quiet", "all", "--forceall", "--", *PHASES)
    found["no-op"] = cost(folder, "snakemake", "--cores", "1", *PHASES)
    expect(folder, "Nothing to be done")
    cost(folder, "git", "init", "-q")
    cost(folder, "dvc", "commit", "--force", "--quiet")
    found["status"] = cost(folder, "dvc", "status")
    expect(folder, "up to date")
    return found


def expect(folder: Path, words: str) -> None:
    said = (folder / "said.txt").read_text()
    assert words in said, said[-2000:]


def over_rows(folder: Path) -> dict[str, Cost]:
    """The cost of the jobs that read every row, run for real; of index_part that of part 0."""
    commands = filled(folder)["rows"]
    found = {}
    for rule in JOBS:
        costs = [cost(folder, "bash", "-c", command) for command in commands[rule]]
        found[rule] = costs[0]
    return found


def measured(what: Callable, utterances: int, parts: int) -> dict:
    print(f"{utterances} utterances, {parts} parts ...", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        return what(project(Path(folder), utterances, parts))


def measure() -> list[dict]:
    """Growth as ratios: what a hundred times the rows, or twice the parts, cost beside what they should."""
    cells = {cell: measured(workflow, *cell) for cell in CELLS}
    rows = {utterances: measured(over_rows, utterances, 5) for utterances in ROWS}
    show(cells, rows)
    few, many, twice = cells[1_000, 45], cells[100_000, 45], cells[100_000, 90]
    found = [row("jobs, 1,000 / 100,000 utterances", few["jobs"], many["jobs"], 1, "jobs in 45 parts")]
    for name, what, target in (
        ("plan", "planning", 0.3),
        ("no-op", "a run with nothing to do", 0.3),
        ("status", "dvc status", 0.4),
    ):
        found.append(row(f"{what}, 1,000 / 100,000 utterances", few[name].seconds, many[name].seconds, target, "CPU s"))
    costs = [1000 * cell["plan"].seconds / cell["jobs"] for cell in (many, twice)]
    found.append(row("planning a job, 45 / 90 parts", *costs, 0.7, "CPU ms a job, 100,000 utterances"))
    for rule in JOBS:
        costs = [1e6 * rows[n][rule].seconds / n for n in (10_000, 100_000)]
        found.append(row(f"{rule}, a row of 10,000 / of 100,000", *costs, 0.7, "CPU us a row of the corpus"))
    return found


def row(name: str, small: float, large: float, target: float, unit: str) -> dict:
    note = f"{small:.4g} and {large:.4g} {unit}"
    return {"name": name, "ratio": round(small / large, 2), "target": target, "note": note}


def show(cells: dict, rows: dict) -> None:
    """Print the tables of docs/scale.md."""
    for (utterances, parts), found in cells.items():
        costs = " | ".join(
            f"{c.seconds:.1f} s, {c.memory:.0f} MB" for c in map(found.get, ("first", "plan", "no-op", "status"))
        )
        print(f"| {utterances:,} | {parts} | {found['jobs']} | {costs} | {found['command']:,} of {ARGUMENT:,} |")
    for rule in JOBS:
        print(
            f"| {rule} |",
            " | ".join(f"{rows[n][rule].seconds:.1f} s, {rows[n][rule].memory:.0f} MB" for n in ROWS),
            "|",
        )


if __name__ == "__main__":
    measure()
