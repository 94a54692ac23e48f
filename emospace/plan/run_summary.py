"""Summarise a run of the workflow: jobs, time, memory and GPU hours per rule, and the failures with their logs.

Reads Snakemake's jobs (rule, output, log, benchmark, resources) and their benchmark files.
"""

import contextlib
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import atomic, read_json

LAST_LINES = 4  # of a failed job's log: the error or the end of a traceback


def measured(job) -> tuple[float, float]:
    """Return (wall time in s, peak resident memory in MB) of a job; memory is 0 if it ended before it was sampled."""
    try:
        names, values = Path(job.benchmark).read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, TypeError, ValueError):
        return 0.0, 0.0
    row = dict(zip(names.split("\t"), values.split("\t"), strict=False))
    memory = row.get("max_rss", "")
    return float(row["s"]), float(memory) if memory.replace(".", "", 1).isdigit() else 0.0


def _line(rule: str, jobs: list) -> tuple[float, str]:
    """Return the seconds and the line of a rule: number of jobs, total time, peak memory, GPU hours."""
    measurements = [measured(job) for job in jobs]
    seconds, memory = sum(s for s, _ in measurements), max(m for _, m in measurements)
    gpu = sum(s * job.resources.get("gpu", 0) for (s, _), job in zip(measurements, jobs, strict=True)) / 3600
    cells = [rule, str(len(jobs)), str(timedelta(seconds=round(seconds)))]
    cells += [f"{memory:.0f} MB" if memory else "", f"{gpu:.3f}" if gpu else ""]
    return seconds, _row(cells)


def _row(cells: list[str]) -> str:
    return ("  " + cells[0].ljust(28) + "".join(cell.rjust(12) for cell in cells[1:])).rstrip()


def _failure(job) -> list[str]:
    """Return the lines of a failed job: its rule, the path of its log, and the end of the log."""
    name = str(job.log[0]) if job.log else ""
    log = Path(name)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if name and log.exists() else []
    lines = [line for line in lines if line.strip()][-LAST_LINES:] or ["(the job ended without writing to it)"]
    return [f"failed: {job.rule.name}, log: {name}", *(f"  {line}" for line in lines)]


def summary(jobs: Iterable, needrun: Callable, finished: Callable, failed: Iterable = ()) -> str:
    """Return a table of the rules that ran, slowest first, then the failures.

    jobs: all jobs of the DAG; needrun, finished: did a job have to run, and did it succeed? failed: jobs or job groups.
    """
    jobs = [job for job in jobs if job.output]
    needed = [job for job in jobs if needrun(job)]
    rules: dict[str, list] = {}
    for job in filter(finished, needed):
        rules.setdefault(job.rule.name, []).append(job)
    done = sum(map(len, rules.values()))
    head = f"{done} of {len(needed)} jobs done, {len(jobs) - len(needed)} up to date before."
    table = [line for _, line in sorted((_line(*item) for item in rules.items()), reverse=True)]
    title = [_row(["rule", "jobs", "time", "memory", "GPU hours"])] if table else []
    failures = [job for item in failed for job in getattr(item, "jobs", [item]) if not finished(job)]
    lines = [head, *title, *table, *(line for job in failures for line in _failure(job))]
    return "\n".join(lines)


def declared(plan) -> list[str]:
    """Return one warning line for each declaration that qualifies the results: leaks, seen corpora, random weights."""
    lines = [f"leaky: {name}, as the config declares; its numbers are marked" for name in leaky(plan)]
    for protocol in plan.config["protocols"]:
        for name, corpora in plan.seen_corpora_in(protocol).items():
            lines.append(f"seen: weights {name} were trained on {', '.join(corpora)}, tested by {protocol}; marked")
    for path in map(Path, plan.fetched()):
        with contextlib.suppress(InputError):  # a summary must not fail; the job that reads broken weights does
            if (weights := read_json(path)).get("random"):
                lines.append(f"random weights: {path.parent.name} ({weights.get('why')}); affected results are marked")
    return lines


def leaky(plan) -> list[str]:
    """Return the protocols, views, features and runs of a plan that are declared leaky."""
    blocks = ("protocols", "views", "features", "runs")
    return [name for block in blocks for name, spec in plan.config[block].items() if (spec or {}).get("leaky")]


def write_summary(path: Path, text: str) -> str:
    """Write the summary of the last run to a file; return it."""
    with atomic(path) as tmp:
        tmp.write_text(text + "\n", encoding="utf-8")
    return text
