"""Measure the CPU time and peak memory of a command, independently of the size of the measuring process."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks._project import environment

OUTPUT = "output.txt"  # of the last command, in the folder where it ran


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a process and its children, and the peak memory of the largest of them in MB (2**20 bytes)."""

    seconds: float
    memory: float


def cost(folder: Path, *command: str) -> Cost:
    """Run a program of this Python environment in a folder; if it fails, exit with the end of its output.

    A peak below the memory of `_child.py`, about 10 MB, cannot be measured.
    """
    helper = [sys.executable, "-IS", str(Path(__file__).with_name("_child.py")), *command]
    with open(folder / OUTPUT, "wb") as output:
        done = subprocess.run(helper, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=output, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{(folder / OUTPUT).read_text()[-2000:]}")
    return Cost(**json.loads(done.stdout))
