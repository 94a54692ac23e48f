"""Does `make demo`, once installed, finish within its five minutes on this machine when idle?"""

import subprocess
import tempfile
from pathlib import Path

from benchmarks._project import copy_project, environment
from benchmarks._timing import Claim, compare, wall

ALLOWED = 300  # seconds


def seconds() -> float:
    """Return the wall time of the command behind `make demo` in a fresh copy of the project."""
    command = ["snakemake", "--cores", "all", "--quiet", "all"]
    with tempfile.TemporaryDirectory() as folder:
        copy_project(Path(folder))
        options = {"cwd": folder, "env": environment(), "stdout": subprocess.DEVNULL}
        return wall(lambda: subprocess.run(command, check=True, **options))


def measure() -> list[dict]:
    claim = Claim("demo, time allowed / taken", "allowed", "demo", 1, f"{ALLOWED} s allowed")
    return compare({"allowed": lambda: ALLOWED, "demo": seconds}, [claim], least=1, most=5, clock=lambda way: way())


if __name__ == "__main__":
    print(measure())
