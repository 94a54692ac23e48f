"""Summarise all runs: summary.csv, result.txt to read, and for DVC metrics.json and tables to plot."""

import math
from collections import defaultdict
from itertools import zip_longest
from pathlib import Path

from emospace.core.provenance import atomic, read_json, write_json, write_sidecar
from emospace.evaluation import summary_table
from emospace.evaluation.intervals import holm
from emospace.evaluation.predictions import read_table
from emospace.evaluation.summary_table import write_columns
from emospace.evaluation.tables import details, gain_of, table
from emospace.runs.run_files import read_history
from workflow_scripts._command import arguments, run

RULE = f"\n{'=' * 100}\n\n"


def with_interval(name: str, cell: dict, value: str) -> dict:
    return {name: filled(cell, value), f"{name}_lo": filled(cell, "lo"), f"{name}_hi": filled(cell, "hi")}


def filled(cell: dict, key: str):
    """What is undefined or not there is an empty cell."""
    return "" if cell.get(key) is None else cell[key]


def summary_row(result: dict) -> dict:
    """Cells of a run. The columns of metrics are those that the config asks for, in its order."""
    meta, gain = result["meta"], f"{result['meta']['compare_by']}_gain"
    paired, compared = (result["paired"] or {}).get(meta["compare_by"], {}), meta["compared"] or {}
    row = {key: meta[key] for key in ("run", "model", "corpus", "protocol", "leaky")}
    row |= {"seeds": len(meta["seeds"]), "n": meta["n"]}
    for name in meta["metrics"]:
        row |= with_interval(name, result["pooled"][name], "value")
    row |= {"baseline": meta["baseline"]} | with_interval(gain, paired, "difference")
    row |= {f"{gain}_p": filled(paired, "p"), "random_weights": " ".join(meta["random_inputs"])}
    row |= {f"{gain}_p_holm": "", f"{gain}_p_at_most": paired.get("at_most", False)}
    row |= {"baseline_seeds": len(meta["baseline_seeds"]) or "", "clusters": meta["clusters"]}
    row |= {key: meta[key] for key in ("cluster_unit", "method", "intervals")}
    row |= {"training_noise_not_included": " ".join(meta["training_noise_not_included"])}
    row |= {"leaks": " ".join(meta["leaks"]), "in_sample": " ".join(meta["in_sample_runs"])}
    row["left_out"] = sum(code["rows"] for code in meta["left_out"].values())
    row |= {f"compared_{key}": filled(compared, key) for key in ("protocol", "n", "clusters")}
    return row


def correct(rows: list[dict]) -> None:
    """Fill in the p of every comparison as corrected for the number of all of them."""
    p = f"{gain_of(rows[0])}_p"
    tested = [row for row in rows if row[p] != ""]
    for row, corrected in zip(tested, holm([row[p] for row in tested]), strict=True):
        row[f"{p}_holm"] = corrected


def numbers(cells: dict) -> dict:
    """What DVC compares: value and interval of each metric where they are defined."""
    kept = ("value", "lo", "hi", "seed_sd")
    return {name: {k: cell[k] for k in kept if cell.get(k) is not None} for name, cell in cells.items()}


def curve(histories: list[list[dict[str, float]]]) -> list[dict]:
    """Score on dev by step (an epoch, or a candidate tried): the mean over the folds and seeds that came so far."""
    # A model may have a history without this column, or an epoch without a number there.
    told = [[row.get("dev_ua", math.nan) for row in history] for history in histories]
    scores = [[value for value in values if math.isfinite(value)] for values in told]
    steps = [[value for value in step if value is not None] for step in zip_longest(*scores)]
    return [{"step": k, "dev_ua": sum(values) / len(values)} for k, values in enumerate(steps, 1)]


def write_plots(folder: Path, predictions: list[Path], histories: list[Path]) -> list[Path]:
    """Tables of every run, from .../<run>/predictions.csv and .../<run>/<fold>-<seed>/history.csv; no others remain."""
    of_run, written = defaultdict(list), []
    for path in histories:
        of_run[path.parts[-3]].append(read_history(path.parent))
    for path in predictions:
        written.append(folder / "confusion" / f"{path.parent.name}.predictions.csv")
        write_columns(written[-1], ["label", "predicted"], read_table(path))
    for name, tables in of_run.items():
        written.append(folder / "training" / f"{name}.history.csv")
        write_columns(written[-1], ["step", "dev_ua"], curve(tables))
    remove_others(folder, written)
    return written


def remove_others(folder: Path, written: list[Path]) -> None:
    """Remove tables of runs that the config no longer has, which `dvc plots` would draw among the others."""
    tables = [*folder.glob("confusion/*.predictions.csv"), *folder.glob("training/*.history.csv")]
    for path in set(tables) - set(written):
        path.unlink()


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
