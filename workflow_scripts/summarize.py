"""One row per run: summary.csv, result.txt for reading, metrics.json for DVC."""

from pathlib import Path

from emospace import records
from emospace.metrics import METRICS
from emospace.provenance import atomic, read_json, write_json, write_sidecar
from emospace.tables import details, table
from workflow_scripts._command import arguments, run

FIRST = ["WA", "UA", "WF1", "MF1"]  # a metric added later goes behind them, so that columns keep their places
RULE = f"\n{'=' * 100}\n\n"


def with_interval(name: str, cell: dict, value: str) -> dict:
    return {name: cell.get(value, ""), f"{name}_lo": cell.get("lo", ""), f"{name}_hi": cell.get("hi", "")}


def summary_row(result: dict) -> dict:
    meta, paired = result["meta"], (result["paired"] or {}).get("UA", {})
    row = {key: meta[key] for key in ("run", "model", "corpus", "protocol", "leaky")}
    row |= {"seeds": len(meta["seeds"]), "n": meta["n"]}
    for name in FIRST:
        row |= with_interval(name, result["pooled"][name], "value")
    row |= {"baseline": meta["baseline"]} | with_interval("UA_gain", paired, "difference")
    row |= {"UA_gain_p": paired.get("p", ""), "random_weights": " ".join(meta["random_inputs"])}
    for name in [m for m in METRICS if m not in FIRST]:
        row |= with_interval(name, result["pooled"][name], "value")
    return row


def cell(value):
    return str(value).lower() if isinstance(value, bool) else f"{value:.6f}" if isinstance(value, float) else value


def job(args, recipe):
    results = [read_json(path) for path in args.metrics]
    rows = [summary_row(result) for result in results]
    lines = ({key: cell(value) for key, value in row.items()} for row in rows)
    records.write(args.out_summary, list(rows[0]), lines)
    with atomic(args.out_result) as tmp:
        tmp.write_text(RULE.join(f"{text}\n" for text in [table(rows), *map(details, results)]), encoding="utf-8")
    write_json(args.out_metrics, {result["meta"]["run"]: result["pooled"] for result in results})
    outputs = [args.out_summary, args.out_result, args.out_metrics]
    write_sidecar(args.out_summary.with_suffix(".json"), recipe, inputs=args.metrics, outputs=outputs)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="metrics.json of every run")
    for name in ("out-summary", "out-result", "out-metrics"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
