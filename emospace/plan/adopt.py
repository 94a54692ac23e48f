"""Adopt artifacts from another machine: decide for each of Snakemake's jobs whether its outputs are up to date.

Artifacts whose sidecars match the current recipe and inputs are entered in Snakemake's records; the others are marked
as out of date, so that the next run rebuilds them.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from tqdm.auto import tqdm

from emospace.core.contracts import EVERY
from emospace.core.errors import InputError
from emospace.core.files_below import walk
from emospace.core.plugin import find
from emospace.core.provenance import sha256
from emospace.plan.plan import STATE
from emospace.plan.raw_files import changed, grouping, part_of, remembered
from emospace.plan.snakemake_api import Graph, planned
from emospace.plan.staleness import Job, Record, record_of, refuse_altered, why_stale

# Together these phases build everything that DVC tracks.
PHASES = ["corpora", "views", "weights", "features", "augment", "train_all", "evaluation", "analyse", "report"]


def adopt(configfiles: list[Path]) -> dict[Job, str]:
    """Adopt everything that is up to date; return why each job has to run again, or "".

    Raises InputError if a file and its sidecar disagree; nothing but time stamps has changed then.
    """
    with planned(configfiles, PHASES) as graph:
        verdicts = verdicts_of(jobs_of(graph))
        stale = [job for job, reason in verdicts.items() if reason]
        mark(graph, stale)
    touch(configfiles, stale)
    return verdicts


def jobs_of(graph: Graph) -> dict:
    """Return Snakemake's job -> our Job, in an order in which they could run."""
    jobs = {}
    for job in graph.jobs():
        jobs[job] = Job(job.rule.name, Path(job.input.recipe), [Path(path) for path in job.output])
        jobs[job].needs += [jobs[other] for other in graph.needs(job)]
    return jobs


def raw_change(job, record: Record) -> str:
    """Return which raw file makes a part of the manifest out of date, or ""."""
    recipe, root = record.sidecar["recipe"], Path(job.params.root)
    group, part = grouping(find("corpora", recipe["plugin"]), root, recipe["options"]), int(job.wildcards.part)
    if all(group(path) is None for path, _ in walk(str(root))):  # an unmounted disk leaves an empty folder
        tqdm.write(f"{root}: the corpus is not on this machine; its existing artifacts are used unchanged")
        return ""
    seen = remembered(STATE / "raw" / recipe["corpus"])
    parts = range(recipe["parts"])
    own = {path: state for path, state in seen.items() if group(path) == EVERY or part_of(path, parts, group) == part}
    file = changed(root, record.sidecar["raw"], own)
    return f"the raw file {file} has changed since it was read" if file else ""


def verdicts_of(jobs: dict) -> dict[Job, str]:
    """Return why each job has to run again, or ""; raise InputError if any file and its sidecar disagree."""
    records = {own: record_of(own) for own in jobs.values()}
    files = sorted({path for record in records.values() if record for path in record.files})
    digest = cache(sha256)
    for path in tqdm(files, "compare with sidecars", disable=None, unit="file"):
        if path.exists():
            digest(path)
    refuse_altered([record for record in records.values() if record], digest)
    producers = {str(path): own for own in jobs.values() for path in own.outputs}
    verdicts = {}
    for job, own in jobs.items():
        record = records[own]
        verdicts[own] = why_stale(own, record, producers, digest)
        if record and "raw" in record.sidecar:
            verdicts[own] = verdicts[own] or raw_change(job, record)
    return verdicts


def mark(graph: Graph, stale: list[Job]) -> None:
    """Make outputs older than their recipe and delete Snakemake's records of them, so that it rebuilds them."""
    for job in stale:
        before = job.recipe.stat().st_mtime - 1  # second
        for path in filter(Path.exists, job.outputs):
            os.utime(path, (before, before))
            os.utime(path, (before, before), follow_symlinks=False)  # Snakemake compares link and target
    graph.forget([path for job in stale for path in job.outputs])


def touch(configfiles: list[Path], stale: list[Job]) -> None:
    """Have Snakemake record everything as built now, in order, except stale outputs and all that depends on them."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--touch", "--forceall"]
    command += ["--configfile", *map(str, configfiles)] if configfiles else []
    command += ["--omit-from", *(str(job.outputs[0]) for job in stale)] if stale else []
    done = subprocess.run([*command, "--", *PHASES], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError("snakemake --touch", done.stderr.strip(), "nothing but time stamps has changed; run it again")
