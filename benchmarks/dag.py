"""Planning a corpus of IEMOCAP's size: `snakemake -n` against `snakemake --version`.

A tree of 10,039 utterances in the layout of IEMOCAP (real annotation files, media that hold nothing) in five parts;
the DAG has jobs per part, so planning must not feel the utterances. benchmarks/scale.py says how it grows.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._large import corpus

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = 3.0  # seconds that planning may take beyond `snakemake --version`


def seconds(*command: str, **options) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    return time.perf_counter() - start


def measure() -> list[dict]:
    snakemake = str(Path(sys.executable).parent / "snakemake")
    with tempfile.TemporaryDirectory() as folder:
        corpus(Path(folder), 10_039)
        options = {"cwd": ROOT, "env": os.environ | {"EMOSPACE_IEMOCAP": folder}}
        plan = [snakemake, "-n", "--cores", "1", "--quiet", "all", "--configfile", "configs/iemocap.yaml"]
        seconds(*plan, **options)  # the first look at a corpus also hashes its annotation files
        pairs = [(seconds(*plan, **options), seconds(snakemake, "--version", **options)) for _ in range(3)]
    extra = min(p for p, _ in pairs) - min(v for _, v in pairs)
    note = f"{extra:.2f} s beyond `snakemake --version`, at most {ALLOWED:g} s allowed"
    return [
        {"name": "plan 10,039 utterances", "ratio": round(ALLOWED / max(extra, 0.01), 2), "target": 1, "note": note}
    ]


if __name__ == "__main__":
    print(measure())
