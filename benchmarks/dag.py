"""Planning a corpus of IEMOCAP's size: `snakemake -n` against `snakemake --version`.

The corpus has 10,039 utterances in the layout of IEMOCAP (real annotation files, empty media files) in five parts. The
DAG has jobs per part, so planning must not depend on utterances. benchmarks/scale.py measures how planning scales.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._large import corpus
from benchmarks._project import copy_project, environment
from benchmarks._timing import Claim, compare, wall

ALLOWED = 3.0  # seconds that planning may take beyond `snakemake --version`


def seconds(*command: str, **options) -> float:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return wall(lambda: subprocess.run(command, check=True, **quiet, **options))


def measure() -> list[dict]:
    snakemake = str(Path(sys.executable).parent / "snakemake")
    with tempfile.TemporaryDirectory() as name:
        raw, folder = (
            Path(name) / "raw",
            Path(name) / "project",
        )  # a copy, so that this repository's records of its corpora stay unchanged
        corpus(raw, 10_039)
        folder.mkdir()
        copy_project(folder)
        options = {"cwd": folder, "env": environment() | {"EMOSPACE_IEMOCAP": str(raw)}}
        plan = [snakemake, "-n", "--cores", "1", "--quiet", "all", "--configfile", "configs/iemocap.yaml"]
        seconds(*plan, **options)  # the first plan also hashes the annotation files of the corpus

        def beyond() -> float:
            return max(0.01, seconds(*plan, **options) - seconds(snakemake, "--version", **options))

        note = f"{ALLOWED:g} s allowed beyond `snakemake --version`"
        claim = Claim("plan 10,039 utterances", "allowed", "beyond", 1, note)
        return compare({"allowed": lambda: ALLOWED, "beyond": beyond}, [claim], clock=lambda way: way())


if __name__ == "__main__":
    print(measure())
