"""Summarise all runs: summary.csv, result.txt for people, metrics.json and tables of plots for DVC."""

from pathlib import Path

from emospace.core.provenance import atomic, read_json, write_json, write_sidecar
from emospace.evaluation import summary_table
from emospace.evaluation.dvc_plots import numbers, write_plots
from emospace.evaluation.summary_rows import correct, summary_row
from emospace.evaluation.tables import details, table
from workflow_scripts._command import arguments, run

RULE = f"\n{'=' * 100}\n\n"


def job(args, recipe):
    results = [read_json(path) for path in args.metrics]
    rows = [summary_row(result) for result in results]
    correct(rows)
    summary_table.write(args.out_summary, rows)
    with atomic(args.out_result) as tmp:
        tmp.write_text(RULE.join(f"{text}\n" for text in [table(rows), *map(details, results)]), encoding="utf-8")
    write_json(args.out_metrics, {result["meta"]["run"]: numbers(result["pooled"]) for result in results})
    outputs = [args.out_summary, args.out_result, args.out_metrics]
    if args.out_plots:
        outputs += write_plots(args.out_plots, args.predictions, args.histories)
    inputs = [*args.metrics, *args.predictions, *args.histories]
    write_sidecar(args.out_summary.with_suffix(".json"), recipe, inputs=inputs, outputs=outputs)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="metrics.json of every run")
    parser.add_argument("--predictions", type=Path, nargs="*", default=[], help="predictions.csv of every run")
    parser.add_argument("--histories", type=Path, nargs="*", default=[], help="history.csv of every run, fold and seed")
    parser.add_argument("--out-plots", type=Path, help="folder of tables for dvc plots")
    for name in ("out-summary", "out-result", "out-metrics"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    run(parser, job)


if __name__ == "__main__":
    main()
