"""Compare the files that jobs open with the files that their rules declare.

`recording(project)` returns the environment variables that make a Snakemake run record the files its jobs open.
Afterwards, `undeclared(project)` lists each file that a job opened but its rule does not declare.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from conftest import ROOT, Project

from emospace.core.provenance import read_digests
from emospace.plan.adopt import PHASES

# Local caches and locks: they do not affect what a job computes.
CACHES = ("locks", "verified", "checkpoints", "views")
READS_RAW = ("index_part", "make_")  # rules that read a whole corpus; their trigger or recipe covers its files

DECLARED = """
import json, sys
from emospace.plan.snakemake_api import planned
with planned([], sys.argv[1:]) as graph:
    for job in graph.jobs():
        files = {"input": [*job.input], "output": [*job.output], "log": [*job.log, str(job.benchmark)]}
        print(json.dumps({"rule": job.rule.name} | {kind: [*map(str, names)] for kind, names in files.items()}))
"""


@dataclass(frozen=True)
class Declared:
    """The files that a job's rule declares."""

    rule: str
    input: list[str]
    output: list[str]
    log: list[str]

    def files(self) -> set[str]:
        return {*self.input, *self.output, *self.log}


def recording(project: Project) -> dict[str, str]:
    """Environment variables that make a run record the files its jobs open."""
    return {"PYTHONPATH": str(ROOT / "tests/opens"), "OPENED": str(table(project))}


def table(project: Project) -> Path:
    return project.folder / "opened.tsv"


def opened(project: Project) -> Iterator[tuple[str, str]]:
    """Yield (log of the job, file that the job opened)."""
    for line in table(project).read_text(encoding="utf-8").splitlines():
        log, _, path = line.partition("\t")
        yield log, path


def rules_recorded(project: Project) -> set[str]:
    """Names of the scripts whose jobs were recorded: every job opens its recipe."""
    recipes = (PurePath(path).parts for _, path in opened(project))
    return {parts[2] for parts in recipes if parts[:2] == (".emospace", "recipes")}


def declared(project: Project, *targets: str) -> dict[str, Declared]:
    """Map the log of each job in the DAG of all phases and these targets to the files that its rule declares."""
    done = project.run("python", "-c", DECLARED, *PHASES, *targets)
    jobs = [Declared(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    return {job.log[0]: job for job in jobs}


def undeclared(project: Project, *targets: str) -> dict[str, list[str]]:
    """Map each rule to the files that its recorded jobs opened without declaring them."""
    jobs, breaches = declared(project, *targets), {}
    for log, path in opened(project):
        if not _allowed(project, jobs[log], path):
            breaches.setdefault(jobs[log].rule, set()).add(path)
    return {rule: sorted(paths) for rule, paths in breaches.items()}


def _allowed(project: Project, job: Declared, path: str) -> bool:
    files, parts = job.files(), PurePath(path).parts
    if path in files or path.startswith(tuple(f"{output}{os.sep}" for output in job.output)):
        return True
    if parts[0] == ".emospace":
        return parts[1] in CACHES
    if parts[0] == "weights":  # weights.json lists the other files with their digests
        return f"weights/{parts[1].removeprefix('.').removesuffix('.partial')}/weights.json" in files
    if parts[:2] == ("data", "raw"):
        return job.rule.startswith(READS_RAW) or _listed(project, job, PurePath(*parts[3:]))
    return any(_temporary(PurePath(path), PurePath(output)) for output in job.output)


def _listed(project: Project, job: Declared, raw: PurePath) -> bool:
    """Whether a declared list of digests contains this corpus file."""
    lists = [project.folder / name for name in job.input if name.endswith(".sha256")]
    return str(raw) in read_digests(lists)


def _temporary(path: PurePath, output: PurePath) -> bool:
    """Whether a path is an output's temporary file or in its temporary folder (provenance.atomic, export.replaced)."""
    if not path.is_relative_to(output.parent):
        return False
    return path.relative_to(output.parent).parts[0].startswith(f".{output.stem}.")
