"""Load of other processes. Ratios measured while they use a tenth of the machine do not count."""

import os
import time
from pathlib import Path
from typing import NamedTuple, Self

STAT = Path("/proc/stat")
SHARE = 0.1  # of all cores, used by other processes; above it, the machine counts as busy
LOOK = 1.0  # seconds for which the load is sampled before a topic


class Sample(NamedTuple):
    """A time of day, and the CPU seconds taken until then by everything and by this process and its children."""

    wall: float
    everything: float
    own: float


def sample(stat: Path = STAT) -> Sample:
    """Now. A child counts as one's own once it has ended. Where there is no /proc/stat, nothing else is seen."""
    used = os.times()
    own = used.user + used.system + used.children_user + used.children_system
    everything = taken(stat.read_text()) if stat.exists() else own
    return Sample(time.monotonic(), everything, own)


def taken(stat: str) -> float:
    """CPU seconds that were not idle, from the text of /proc/stat (see proc_stat(5)); steal is other machines' work."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat.split(maxsplit=9)[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def others(before: Sample, after: Sample) -> float:
    """Cores that other work had, on average, between two samples."""
    theirs = (after.everything - before.everything) - (after.own - before.own)
    return max(0.0, theirs / (after.wall - before.wall))


class Watch:
    """Looks around for a second, then watches what is done in its block."""

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
