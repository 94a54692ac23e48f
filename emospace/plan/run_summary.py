"""What a run of the workflow did: jobs, time, memory and GPU hours of each rule that ran; and what failed, and why.

Takes Snakemake's jobs as they are (rule, output, log, benchmark, resources) and the files that their benchmarks left.
"""

import contextlib
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import atomic, read_json

LAST_LINES = 4  # of the log of a failed job: its error, and where a traceback ends


def measured(job) -> tuple[float, float]:
    """(wall time in seconds, peak resident memory in MB) of a job; memory is 0 where it ended before it was sampled."""
    try:
        names, values = Path(job.benchmark).read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, TypeError, ValueError):
        return 0.0, 0.0
    row = dict(zip(names.split("\t"), values.split("\t"), strict=False))
    memory = row.get("max_rss", "")
    return float(row["s"]), float(memory) if memory.replace(".", "", 1).isdigit() else 0.0


def _line(rule: str, jobs: list) -> tuple[float, str]:
    """Seconds, and the line of a rule: number of jobs, sum of their times, the largest memory, GPU hours."""
    found = [measured(job) for job in jobs]
    seconds, memory = sum(s for s, _ in found), max(m for _, m in found)
    gpu = sum(s * job.resources.get("gpu", 0) for (s, _), job in zip(found, jobs, strict=True)) / 3600
    cells = [rule, str(len(jobs)), str(timedelta(seconds=round(seconds)))]
    cells += [f"{memory:.0f} MB" if memory else "", f"{gpu:.3f}" if gpu else ""]
    return seconds, _row(cells)


def _row(cells: list[str]) -> str:
    return ("  " + cells[0].ljust(28) + "".join(cell.rjust(12) for cell in cells[1:])).rstrip()


def _failure(job) -> list[str]:
    """The rule of a failed job, its log, and how that ends."""
    name = str(job.log[0]) if job.log else ""
    log = Path(name)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if name and log.exists() else []
    lines = [line for line in lines if line.strip()][-LAST_LINES:] or ["(the job ended before it wrote any)"]
    return [f"failed: {job.rule.name}, log: {name}", *(f"  {line}" for line in lines)]


def summary(jobs: Iterable, needrun: Callable, finished: Callable, failed: Iterable = ()) -> str:
    """A table of the rules that ran, slowest first, then the failures.

    jobs: all of the DAG; needrun, finished: had a job to run, and did it end well? failed: jobs, or groups of them.
    """
    jobs = [job for job in jobs if job.output]
    wanted = [job for job in jobs if needrun(job)]
    rules: dict[str, list] = {}
    for job in filter(finished, wanted):
        rules.setdefault(job.rule.name, []).append(job)
    made = sum(map(len, rules.values()))
    head = f"{made} of {len(wanted)} jobs done, {len(jobs) - len(wanted)} up to date before."
    table = [line for _, line in sorted((_line(*item) for item in rules.items()), reverse=True)]
    title = [_row(["rule", "jobs", "time", "memory", "GPU hours"])] if table else []
    broken = [job for item in failed for job in getattr(item, "jobs", [item]) if not finished(job)]
    lines = [head, *title, *table, *(line for job in broken for line in _failure(job))]
    return "\n".join(lines)


def declared(plan) -> list[str]:
    """What the config declared and every reader of its numbers has to know: one line each."""
    lines = [f"leaky: {name}, as the config declares; its numbers are marked" for name in leaky(plan)]
    for protocol in plan.config["protocols"]:
        for name, corpora in plan.seen_in(protocol).items():
            lines.append(f"seen: weights {name} were trained on {', '.join(corpora)}, tested by {protocol}; marked")
    for path in map(Path, plan.fetched()):
        with contextlib.suppress(InputError):  # no summary fails a run: what reads broken weights does
            if (weights := read_json(path)).get("random"):
                lines.append(f"random weights: {path.parent.name} ({weights.get('why')}); what they touch is marked")
    return lines


def leaky(plan) -> list[str]:
    """Protocols, views, features and runs of a plan that are declared leaky."""
    kinds = ("protocols", "views", "features", "runs")
    return [name for kind in kinds for name, spec in plan.config[kind].items() if (spec or {}).get("leaky")]


def write_summary(path: Path, text: str) -> str:
    """Keep the summary of the last run in a file, too; returns it."""
    with atomic(path) as tmp:
        tmp.write_text(text + "\n", encoding="utf-8")
    return text
