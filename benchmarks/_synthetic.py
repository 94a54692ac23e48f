"""Synthetic artifacts for every job of a project, written by the project's own writers, for benchmarks/scale.py.

Run `describe` and `fill` in the folder of a project: `python -c 'from benchmarks._synthetic import fill; fill()'`.
"""

import json
from pathlib import Path


def describe() -> None:
    """Plan all jobs; print as JSON their number, the length of the longest shell command, and the commands by rule."""
    from emospace.plan.adopt import PHASES
    from emospace.plan.snakemake_api import planned

    with planned([], PHASES) as graph:
        print(json.dumps(described([*graph.jobs()])))


def fill() -> None:
    """Write the outputs of every job."""
    from emospace.plan.adopt import PHASES
    from emospace.plan.snakemake_api import planned

    with planned([], PHASES) as graph:
        for job in graph.jobs():
            make(job)


def described(jobs: list) -> dict:
    commands: dict[str, list[str]] = {}
    for job in jobs:
        commands.setdefault(job.rule.name, []).append(job.shellcmd)
    return {"jobs": len(jobs), "longest": max(len(job.shellcmd) for job in jobs), "commands": commands}


def make(job) -> None:
    """Write the stores, tables and sidecars of one job, with a row for each utterance of its part."""
    import numpy as np

    from emospace.core import store
    from emospace.core.provenance import read_json, write_sidecar

    paths = [Path(path) for path in job.output]
    part = getattr(job.wildcards, "part", None)
    triggers = Path(".emospace/raw/iemocap").glob(f"{part}-*.json")
    rows = [name for path in triggers for name in read_json(path) if name.endswith(".wav")]
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
