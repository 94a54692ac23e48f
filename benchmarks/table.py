"""Indexing a table of 100,000 utterances against one of 10,000: does the cost per row stay the same?

The real job index_part runs, with one part, on a CSV file with all types of columns. Media are files of a few bytes,
which nothing decodes, since the table gives their times. Costs are CPU seconds of the process. The table has 1,000
speakers, and the lines of each speaker lie far apart.
"""

import csv
import sys
import tempfile
from pathlib import Path

from benchmarks._cost import cost
from benchmarks._project import copy_project
from benchmarks._timing import Claim, compare

SOME, MANY = 10_000, 100_000  # utterances
SPEAKERS = 1_000
LABELS = ("anger", "joy", "neutral", "sadness")


def corpus(root: Path, utterances: int) -> None:
    """Write a table, and a file for each of its lines."""
    for speaker in range(SPEAKERS):
        (root / f"wav/{speaker:04d}").mkdir(parents=True)
    with open(root / "labels.csv", "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["path", "speaker", "label", "start", "end", "gender", "text", "split", "valence"])
        for k in range(utterances):
            speaker = k % SPEAKERS
            path = f"wav/{speaker:04d}/{k:06d}.wav"
            (root / path).write_bytes(path.encode())
            side = ("train", "dev", "test")[speaker % 3]
            writer.writerow([path, speaker, LABELS[k % 4], 0, 2.5, "FM"[speaker % 2], "some words", side, k % 5])


def recipe(folder: Path) -> Path:
    """Write the recipe of the job; return its path."""
    from emospace.core.provenance import write_json

    path = folder / "recipe.json"
    about = {"rule": "index_part", "code": {}, "corpus": "mine", "plugin": "table", "parts": 1}
    write_json(path, about | {"options": {"scale": [0, 4]}})
    return path


def job(folder: Path) -> float:
    """Return the CPU seconds to index the corpus in a folder."""
    arguments = {"recipe": recipe(folder), "log": folder / "log", "corpus": "mine", "corpus-root": folder / "raw"}
    arguments |= {"part": "0", "parts": "1", "manifest": folder / "0.csv", "quality": folder / "0.quality.csv"}
    arguments |= {f"{medium}-digests": folder / f"0.{medium}.sha256" for medium in ("audio", "video")}
    arguments |= {"words": folder / "0.words.csv"}
    words = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "workflow_scripts.index_part", *words]
    return cost(folder, *command).seconds


def measure() -> list[dict]:
    """Return the ratio of the cost per row of the smaller table to that of the larger one."""
    with tempfile.TemporaryDirectory() as name:
        folders = {utterances: Path(name, str(utterances)) for utterances in (SOME, MANY)}
        for utterances, folder in folders.items():
            folder.mkdir()
            copy_project(folder)
            corpus(folder / "raw", utterances)
        ways = {str(n): lambda n=n, folder=folder: job(folder) / n for n, folder in folders.items()}
        what = f"table to manifest, a row of {SOME:,} / of {MANY:,}"
        return compare(ways, [Claim(what, str(SOME), str(MANY), 1, "CPU seconds a row")], clock=lambda way: way())


if __name__ == "__main__":
    for row in measure():
        print(row)
