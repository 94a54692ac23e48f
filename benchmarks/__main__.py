"""Run all benchmarks, or the named topics, and record name, ratio, spread and target in benchmarks/results.json.

A topic is a module of this folder. Topics that did not run, failed, or ran on a busy machine keep their old rows. The
exit status is 1 if a topic failed, or missed a target on an idle machine (`_timing.py` defines a miss, `_busy.py` a
busy machine). Each topic runs in its own process, so that modules loaded by one topic do not affect another.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks._busy import Watch

HERE = Path(__file__).parent
TOPIC = "import json, sys; from benchmarks.{0} import measure; json.dump(measure(), open(sys.argv[1], 'w'))"


def main(topics: Sequence[str]) -> int:
    kept, bad = [], False
    for topic in topics or sorted(p.stem for p in HERE.glob("[!_]*.py")):
        print(f"{topic} ...", file=sys.stderr)
        with Watch() as watch:
            rows = measured(topic)
        for row in rows or []:
            print(line(row, watch.busy), flush=True)
        if not watch.busy:
            kept += rows or []
        bad |= failed(rows, watch.busy)
    record(HERE / "results.json", kept)
    return int(bad)


def measured(topic: str) -> list[dict] | None:
    """Return the rows of a topic, or None if it failed; the other topics still run."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as table:
        command = [sys.executable, "-c", TOPIC.format(topic), table.name]
        if subprocess.run(command, check=False, cwd=HERE.parent).returncode:
            return None
        return json.load(table)


def failed(rows: list[dict] | None, busy: str) -> bool:
    """Did a topic fail, or miss a target on an idle machine?"""
    return rows is None or (not busy and any(row["verdict"] == "missed" for row in rows))


def line(row: dict, busy: str) -> str:
    """Format a row for the terminal."""
    verdict = {"met": "", "missed": "below target", "open": "too near its target to tell"}[row["verdict"]]
    spread = f"{row['ratio']:7.2f} ({row['low']:.2f} to {row['high']:.2f}, {row['pairs']} pairs)"
    return "  ".join(filter(None, [f"{row['name']:<62}", spread, f"target {row['target']:g}", verdict, busy]))


def record(path: Path, rows: Sequence[dict]) -> None:
    """Replace recorded rows of the same name and append new ones."""
    known = {row["name"]: row for row in json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}
    known |= {row["name"]: row for row in rows}
    path.write_text(json.dumps(list(known.values()), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
