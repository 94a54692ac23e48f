"""Terminal output of a run: one line per finished job, and Snakemake's own text for everything that is not routine.

Snakemake's blocks of ten lines per job remain in `.snakemake/log`. Errors, warnings, dry runs, `--verbose` and runs
with another logger (`--logger`) are unchanged.
"""

import logging
import time
from collections.abc import Callable, Iterable

from emospace.plan.snakemake_api import LogEvent, first_filter, terminal_handlers

ROUTINE = {LogEvent.WORKFLOW_STARTED, LogEvent.RESOURCES_INFO, LogEvent.JOB_STARTED, LogEvent.PROGRESS}
ROUTINE |= {LogEvent.GROUP_INFO}
# Beginnings of messages that Snakemake logs without an event, before or between jobs.
CHATTER = ("Select jobs to execute", "Execute ", "Using shell", "Conda environments: ignored", "Activating conda env")
CHATTER += ("Group jobs: inactive", "Assuming unrestricted shared filesystem")
CLEAR = "\r\x1b[K"  # erases a progress bar on the last line of the terminal
NUMBERED = ("part", "seed")  # wildcards whose value is a bare number


def in_words(wildcards: dict[str, str]) -> str:
    """Return the wildcards of a job as text: `demo probe fold0 seed 1`."""
    return " ".join(f"{key} {value}" if key in NUMBERED else value for key, value in wildcards.items())


class OneLine(logging.Filter):
    """Passes the records that a user needs and turns the end of each job into one line.

    targets: returns the names of the rules without output, such as `all`. clear: text written before each line.
    """

    def __init__(self, targets: Callable[[], Iterable[str]], clear: str = "", clock=time.monotonic):
        super().__init__()
        self.targets, self.clear, self.clock = targets, clear, clock
        self.jobs: dict[int, tuple[str, str, float]] = {}  # id -> rule, wildcards, start
        self.left = 0

    def filter(self, record: logging.LogRecord) -> bool:
        event = getattr(record, "event", None)
        if record.levelno >= logging.WARNING:
            return True
        if event == LogEvent.JOB_INFO:
            if record.output:
                self.jobs[record.jobid] = (record.rule_name, in_words(dict(record.wildcards)), self.clock())
            return False
        if event == LogEvent.RUN_INFO:
            self.left = record.stats["total"] - sum(record.stats.get(name, 0) for name in self.targets())
            return self._show(record, f"{self.left} jobs to run")
        if event == LogEvent.JOB_FINISHED:
            return self._finished(record)
        return event not in ROUTINE and not str(record.msg).startswith(CHATTER)

    def _finished(self, record: logging.LogRecord) -> bool:
        if record.job_id not in self.jobs:
            return False
        self.left -= 1
        rule, words, start = self.jobs.pop(record.job_id)
        line = f"{rule:<26} {words:<36} {self.clock() - start:>7.1f} s {self.left:>6} left"
        return self._show(record, line)

    def _show(self, record: logging.LogRecord, line: str) -> bool:
        record.terminal = self.clear + line
        return True


class Formatter(logging.Formatter):
    """Formats a record as our line if it has one, otherwise as Snakemake does."""

    def __init__(self, other: logging.Formatter):
        super().__init__()
        self.other = other

    def format(self, record: logging.LogRecord) -> str:
        return getattr(record, "terminal", "") or self.other.format(record)


def show_one_line_per_job(logger: logging.Logger, targets: Callable[[], Iterable[str]]) -> None:
    """Make the terminal's log handler print one line per job; change nothing if there is no handler of that name.

    targets: as in `OneLine`; called once all rules are known.
    """
    for handler in terminal_handlers(logger):
        tty = getattr(handler.stream, "isatty", lambda: False)()
        first_filter(handler, OneLine(targets, CLEAR if tty else ""))
        handler.setFormatter(Formatter(handler.formatter))
