"""Run every benchmark, or those named, and write benchmarks/results.json: a list of name, ratio, target.

A run of some topics replaces their rows only; one that breaks keeps its old ones. Exit status 1: a miss or a break.
"""

import importlib
import json
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    rows, broken = [], []
    for topic in sys.argv[1:] or sorted(p.stem for p in HERE.glob("[!_]*.py")):
        print(f"{topic} ...", file=sys.stderr)
        try:
            rows += importlib.import_module(f"benchmarks.{topic}").measure()
        except Exception:  # the others are worth measuring all the same
            traceback.print_exc()
            broken.append(topic)
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        met = "" if row["ratio"] >= row["target"] else "  below target"
        print(f"{row['name']:<{width}}  {row['ratio']:7.2f}  target {row['target']:g}{met}")
    record(rows)
    return bool(broken) or any(row["ratio"] < row["target"] for row in rows)


def record(rows: list[dict]) -> None:
    """Put rows in the place of those of the same name, new ones at the end."""
    path = HERE / "results.json"
    known = {row["name"]: row for row in json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}
    known |= {row["name"]: row for row in rows}
    path.write_text(json.dumps(list(known.values()), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
