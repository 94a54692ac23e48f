"""100,000 utterances in 1,500 dialogues: does planning follow the parts, and do the jobs over all rows stay linear?

Media are empty files and artifacts synthetic (the project's own writers, one step of four numbers a row), so nothing
is encoded. Planning, jobs and DVC are real. Seconds are CPU seconds of a process and its children: other load on the
machine does not show. docs/scale.md has the table that `python -m benchmarks.scale` prints.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = [
    "Snakefile",
    "dvc.yaml",
    "emospace",
    "envs",
    "profiles",
    "rules",
    "schemas",
    "workflow_scripts",
    "benchmarks",
]
PROJECT += [".dvc", ".dvcignore", ".gitignore"]
TURNS, SESSIONS = 67, 90  # utterances a dialogue, as IEMOCAP has; sessions that they are spread over
# (utterances, parts): more rows at equal parts, more parts at equal rows.
CELLS = [(1_000, 45), (10_000, 45), (100_000, 45), (100_000, 5), (100_000, 90)]
ARGUMENT = 128 * 1024  # bytes that Linux allows one argument, such as the command that bash gets by -c
ROWS = (1_000, 10_000, 100_000)
# In the order in which they need each other.
JOBS = ["index_part", "merge_manifest", "make_protocol_actors", "audit_protocol"]
PHASES = ["report", "augment"]  # all that DVC tracks


def corpus(root: Path, utterances: int) -> None:
    """Write annotations and empty media in the layout of IEMOCAP."""
    for number in range(-(-utterances // TURNS)):
        session = number % SESSIONS + 1
        name = f"Ses{session:02d}F_impro{number:04d}"
        top = root / f"Session{session}"
        for folder in ("dialog/EmoEvaluation", "dialog/transcriptions", "dialog/avi/DivX", f"sentences/wav/{name}"):
            (top / folder).mkdir(parents=True, exist_ok=True)
        turns = [f"{name}_{'FM'[i % 2]}{i:03d}" for i in range(min(TURNS, utterances - number * TURNS))]
        rows = [f"[{i}.0000 - {i}.9000]\t{turn}\tneu\t[2.5000, 2.5000, 2.5000]\n" for i, turn in enumerate(turns)]
        (top / f"dialog/EmoEvaluation/{name}.txt").write_text("".join(rows))
        (top / f"dialog/transcriptions/{name}.txt").write_text("".join(f"{t} [0-1]: words\n" for t in turns))
        (top / f"dialog/avi/DivX/{name}.avi").touch()
        for turn in turns:
            (top / f"sentences/wav/{name}/{turn}.wav").write_bytes(turn.encode().ljust(64))


def config(parts: int) -> dict:
    """Three features, six folds, four runs."""
    inputs = ["audio.mfcc", "frames.clip", "text.clip"]
    probe = {"model": "linear_probe", "protocol": "actors"}
    runs = {"probe": probe | {"inputs": inputs}, "probe_audio": probe | {"inputs": inputs[:1]}}
    runs["unified"] = {"model": "unified", "protocol": "actors", "inputs": inputs}
    runs["fusion"] = {"model": "late_fusion", "protocol": "actors", "parents": ["probe", "probe_audio"]}
    clip = {"weights": "drawn", "model": "ViT-S-32-alt"}
    return {
        "seed": 1,
        "on_problem": "warn",
        "gate": {},
        "examples": 6,
        "corpora": {"iemocap": {"root": "raw", "parts": parts, "options": {"expect_counts": False}}},
        "views": {"audio": {}, "frames": {}, "text": {}},
        "weights": {"drawn": {"source": "random"}},
        "features": {"audio.mfcc": {}, "frames.clip": clip, "text.clip": clip},
        "protocols": {"actors": {"corpus": "iemocap", "split": "actors", "labels": "iemocap4", "folds": 6}},
        "runs": runs,
    }


def project(folder: Path, utterances: int, parts: int) -> Path:
    """A copy of the project with a raw corpus and a config, nothing made."""
    for name in PROJECT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    corpus(folder / "raw", utterances)
    (folder / "data/raw").mkdir(parents=True)  # DVC wants it, though the corpus is elsewhere
    (folder / "config.yaml").write_text(yaml.safe_dump(config(parts)), encoding="utf-8")
    return folder


@dataclass
class Cost:
    """CPU seconds, and peak memory in MB, of a process and its children."""

    seconds: float
    memory: float


def cost(folder: Path, *command: str) -> Cost:
    """Run one of the environment's programs in a folder."""
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with open(folder / "said.txt", "wb") as said:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=said, stderr=subprocess.STDOUT)
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


if __name__ == "__main__":
    for cell in CELLS:
        found = measured(workflow, *cell)
        found.pop("rows")
        print(cell, found, flush=True)
    for utterances in ROWS:
        print(utterances, measured(over_rows, utterances, 5), flush=True)
