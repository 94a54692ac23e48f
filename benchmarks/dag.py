"""Planning a corpus of IEMOCAP's size: `snakemake -n` against `snakemake --version`.

A tree of 10,039 utterances in the layout of IEMOCAP (empty media, real annotation files) in five parts; the DAG has
jobs per part, so planning must not feel the utterances.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = 3.0  # seconds that planning may take beyond `snakemake --version`
DIALOGUES, TURNS = 151, 67  # 151 * 67 = 10,117 utterances, 10,039 of them used


def corpus(root: Path) -> None:
    """Write annotation files and empty media of 10,039 utterances."""
    left = 10_039
    for number in range(DIALOGUES):
        session = number % 5 + 1
        name = f"Ses0{session}F_impro{number:03d}"
        top = root / f"Session{session}"
        folders = ["dialog/EmoEvaluation", "dialog/transcriptions", "dialog/avi/DivX", f"sentences/wav/{name}"]
        for folder in folders:
            (top / folder).mkdir(parents=True, exist_ok=True)
        turns = [f"{name}_{'FM'[i % 2]}{i:03d}" for i in range(min(TURNS, left))]
        left -= len(turns)
        rows = [f"[{i}.0000 - {i}.9000]\t{turn}\tneu\t[2.5000, 2.5000, 2.5000]\n" for i, turn in enumerate(turns)]
        (top / f"dialog/EmoEvaluation/{name}.txt").write_text("".join(rows))
        (top / f"dialog/transcriptions/{name}.txt").write_text("".join(f"{t} [0-1]: words\n" for t in turns))
        (top / f"dialog/avi/DivX/{name}.avi").touch()
        for turn in turns:
            (top / f"sentences/wav/{name}/{turn}.wav").touch()


def seconds(*command: str, **options) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    return time.perf_counter() - start


def measure() -> list[dict]:
    snakemake = str(Path(sys.executable).parent / "snakemake")
    with tempfile.TemporaryDirectory() as folder:
        corpus(Path(folder))
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
