"""Measure the load of other processes. Ratios measured while it exceeds a tenth of the machine do not count."""

import os
import time
from pathlib import Path
from typing import NamedTuple, Self

STAT = Path("/proc/stat")
SHARE = 0.1  # of all cores; the machine is busy if other processes use more
LOOK = 1.0  # seconds over which the load is sampled before a topic


class Sample(NamedTuple):
    """A monotonic time, and the CPU seconds used until then: by all processes, and by this one and its children."""

    wall: float
    everything: float
    own: float


def sample(stat: Path = STAT) -> Sample:
    """Take a sample. A child counts as own once it has ended. Without /proc/stat, no load of others is seen."""
    used = os.times()
    own = used.user + used.system + used.children_user + used.children_system
    everything = taken(stat.read_text()) if stat.exists() else own
    return Sample(time.monotonic(), everything, own)


def taken(stat: str) -> float:
    """Return the busy CPU seconds from the text of /proc/stat, see proc_stat(5); steal is work of other machines."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat.split(maxsplit=9)[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def others(before: Sample, after: Sample) -> float:
    """Return how many cores other processes used, on average, between two samples."""
    theirs = (after.everything - before.everything) - (after.own - before.own)
    return max(0.0, theirs / (after.wall - before.wall))


class Watch:
    """Measures the load of other processes for LOOK seconds before its block, and during it."""

    def __enter__(self) -> Self:
        start = sample()
        time.sleep(LOOK)
        self._begin = sample()
        self._before = others(start, self._begin)
        return self

    def __exit__(self, *_) -> None:
        self.others = max(self._before, others(self._begin, sample()))

    @property
    def busy(self) -> str:
        """Return a description of the load if the machine was busy, otherwise ""."""
        return described(self.others, os.cpu_count() or 1)


def described(cores: float, of: int) -> str:
    """Return a description of the load if it is above SHARE, otherwise ""."""
    return f"the machine was busy ({cores:.1f} of {of} cores used by others)" if cores > SHARE * of else ""
