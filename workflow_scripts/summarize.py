"""One row per run: summary.csv, result.txt for reading, metrics.json for DVC."""

import csv
import io
from pathlib import Path

import numpy as np

from emospace.metrics import METRICS, f1_scores, recalls
from emospace.provenance import atomic, read_json, write_json
from workflow_scripts._command import arguments, run


def summary_row(result: dict) -> dict:
    meta = result["meta"]
    row = {key: meta[key] for key in ("run", "model", "corpus", "protocol", "leaky")}
    row |= {"seeds": len(meta["seeds"]), "n": meta["n"]}
    for name in METRICS:
        cell = result["pooled"][name]
        row |= {name: cell["value"], f"{name}_lo": cell["lo"], f"{name}_hi": cell["hi"]}
    paired = (result["paired"] or {}).get("UA", {})
    row |= {"baseline": meta["baseline"], "UA_difference": paired.get("difference", "")}
    row |= {"UA_difference_lo": paired.get("lo", ""), "UA_difference_hi": paired.get("hi", "")}
    return row | {"random_inputs": " ".join(meta["random_inputs"])}


def plain(value):
    return f"{value:.4f}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else value


def write_summary(path: Path, rows: list[dict]) -> None:
    with atomic(path) as tmp, open(tmp, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: plain(value) for key, value in row.items()} for row in rows)


def table(rows: list[dict]) -> str:
    """The summary as people read it: percent with 95 % intervals, marks for leaks and random weights."""
    names = list(METRICS)
    width = max(len(row["run"]) for row in rows) + 3
    heads = "".join(f"{name:<20}" for name in names)
    lines = [f"{'run':<{width}}{'protocol':<12}{'n':>6}  {heads}"]
    for row in rows:
        marks = ("*" if row["leaky"] else "") + ("~" if row["random_inputs"] else "")
        cells = [f"{100 * row[m]:5.1f} [{100 * row[m + '_lo']:.1f}, {100 * row[m + '_hi']:.1f}]" for m in names]
        label = row["run"] + marks
        numbers = "".join(f"{cell:<20}" for cell in cells)
        lines.append(f"{label:<{width}}{row['protocol']:<12}{row['n']:>6}  {numbers}")
    lines += ["", "percent, 95 % speaker-clustered bootstrap intervals"]
    if any(row["leaky"] for row in rows):
        lines.append("* leaky protocol: test speakers are in train; no estimate of how well anything generalises")
    if any(row["random_inputs"] for row in rows):
        found = sorted({name for row in rows for name in row["random_inputs"].split()})
        lines.append(f"~ random weights: the encoder of {', '.join(found)} was not pretrained")
    return "\n".join(lines)


def details(result: dict) -> str:
    """What the cross-modal system of seed 004 logs at its end: accuracies, confusion matrices, classification report."""
    meta, out = result["meta"], io.StringIO()
    print(f"{meta['run']} ({meta['model']}, {meta['corpus']}, {meta['protocol']})", file=out)
    print(f"  emotion accuracy {100 * result['pooled']['WA']['value']:.2f} %", file=out)
    gender = result["gender"]
    print(f"  gender accuracy {100 * gender['accuracy']:.2f} %" if gender else "  gender: not predicted", file=out)
    matrix = np.array(result["confusion"])
    print("  confusion matrix, rows truth, columns prediction", file=out)
    print(matrix_text(matrix, meta["classes"]), file=out)
    if gender:
        print("  gender confusion matrix", file=out)
        print(matrix_text(np.array(gender["confusion"]), gender["classes"]), file=out)
    print(f"  {'class':<12}{'precision':>10}{'recall':>10}{'F1':>10}{'n':>8}", file=out)
    precision = recalls(matrix.T)
    scores = zip(meta["classes"], precision, recalls(matrix), f1_scores(matrix), matrix.sum(1), strict=True)
    for name, p, r, f, n in scores:
        print(f"  {name:<12}{p:>10.3f}{r:>10.3f}{f:>10.3f}{n:>8.0f}", file=out)
    return out.getvalue()


def matrix_text(matrix: np.ndarray, classes: list[str]) -> str:
    head = " " * 14 + "".join(f"{c[:9]:>10}" for c in classes)
    body = [f"  {c:<12}" + "".join(f"{v:>10.4g}" for v in line) for c, line in zip(classes, matrix, strict=True)]
    return "\n".join([head, *body])


def job(args, recipe):
    results = [read_json(path) for path in args.metrics]
    rows = [summary_row(result) for result in results]
    write_summary(args.out_summary, rows)
    with atomic(args.out_result) as tmp:
        tmp.write_text(f"\n{'=' * 100}\n\n".join([table(rows) + "\n", *map(details, results)]), encoding="utf-8")
    numbers = {r["meta"]["run"]: {name: r["pooled"][name] for name in METRICS} for r in results}
    write_json(args.out_metrics, numbers)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--metrics", type=Path, nargs="+", required=True)
    for name in ("out-summary", "out-result", "out-metrics"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
