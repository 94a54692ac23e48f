"""Take over artifacts that another machine made: which of Snakemake's jobs have made what they would make today.

Whatever its sidecar shows to come from today's recipe and today's inputs is entered in Snakemake's records; the rest
is marked as out of date, so that the next run makes it again.
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
from emospace.plan.adoption import Job, Record, record_of, refuse_altered, why_stale
from emospace.plan.plan import STATE
from emospace.plan.raw_files import changed, grouping, part_of, remembered
from emospace.plan.snakemake_api import Graph, planned

# Everything that DVC tracks: these phases make all of it.
PHASES = ["corpora", "views", "weights", "features", "augment", "train_all", "evaluation", "analyse", "report"]


def adopt(configfiles: list[Path]) -> dict[Job, str]:
    """Adopt what is up to date; why each job has to run again, or "".

    Raises InputError, and changes nothing but time stamps, if a file and its sidecar disagree.
    """
    with planned(configfiles, PHASES) as graph:
        verdicts = verdicts_of(described(graph))
        stale = [job for job, why in verdicts.items() if why]
        mark(graph, stale)
    touch(configfiles, stale)
    return verdicts


def described(graph: Graph) -> dict:
    """Snakemake's job -> ours, in an order in which they could run."""
    jobs = {}
    for job in graph.jobs():
        jobs[job] = Job(job.rule.name, Path(job.input.recipe), [Path(path) for path in job.output])
        jobs[job].needs += [jobs[other] for other in graph.needs(job)]
    return jobs


def raw_change(job, record: Record) -> str:
    """Why a part of the manifest is out of date: a raw file that is not as it was read, or ""."""
    recipe, root = record.says["recipe"], Path(job.params.root)
    group, part = grouping(find("corpora", recipe["plugin"]), root, recipe["options"]), int(job.wildcards.part)
    if all(group(path) is None for path, _ in walk(str(root))):  # an unmounted disk leaves an empty folder
        tqdm.write(f"{root}: the corpus is not on this machine; what was made from it is taken as it is")
        return ""
    seen = remembered(STATE / "raw" / recipe["corpus"])
    parts = range(recipe["parts"])
    mine = {path: state for path, state in seen.items() if group(path) == EVERY or part_of(path, parts, group) == part}
    file = changed(root, record.says["raw"], mine)
    return f"the raw file {file} is not as it was read" if file else ""


def verdicts_of(jobs: dict) -> dict[Job, str]:
    """Why each job has to run again, or ""; InputError if any file and its sidecar disagree."""
    records = {ours: record_of(ours) for ours in jobs.values()}
    files = sorted({path for record in records.values() if record for path in record.files})
    digest = cache(sha256)
    for path in tqdm(files, "compare with sidecars", disable=None, unit="file"):
        if path.exists():
            digest(path)
    refuse_altered([record for record in records.values() if record], digest)
    makers = {str(path): ours for ours in jobs.values() for path in ours.outputs}
    verdicts = {}
    for job, ours in jobs.items():
        record = records[ours]
        verdicts[ours] = why_stale(ours, record, makers, digest)
        if record and "raw" in record.says:
            verdicts[ours] = verdicts[ours] or raw_change(job, record)
    return verdicts


def mark(graph: Graph, stale: list[Job]) -> None:
    """Make outputs older than their recipe, and make Snakemake forget how it made them: then it makes them again."""
    for job in stale:
        before = job.recipe.stat().st_mtime - 1  # second
        for path in filter(Path.exists, job.outputs):
            os.utime(path, (before, before))
            os.utime(path, (before, before), follow_symlinks=False)  # of a link Snakemake looks at both
    graph.forget([path for job in stale for path in job.outputs])


def touch(configfiles: list[Path], stale: list[Job]) -> None:
    """Have Snakemake take everything for made now, in order, but for what is stale and all that depends on it."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--touch", "--forceall"]
    command += ["--configfile", *map(str, configfiles)] if configfiles else []
    command += ["--omit-from", *(str(job.outputs[0]) for job in stale)] if stale else []
    done = subprocess.run([*command, "--", *PHASES], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError("snakemake --touch", done.stderr.strip(), "nothing but time stamps was changed: run it again")
