"""Run every benchmark and write benchmarks/results.json: a list of name, ratio, target. Exit status 1: a miss."""

import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    topics = sys.argv[1:] or sorted(p.stem for p in HERE.glob("[!_]*.py"))
    rows = []
    for topic in topics:
        print(f"{topic} ...", file=sys.stderr)
        rows += importlib.import_module(f"benchmarks.{topic}").measure()
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        met = "" if row["ratio"] >= row["target"] else "  below target"
        print(f"{row['name']:<{width}}  {row['ratio']:7.2f}  target {row['target']:g}{met}")
    if not sys.argv[1:]:
        (HERE / "results.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return any(row["ratio"] < row["target"] for row in rows)


if __name__ == "__main__":
    sys.exit(main())
