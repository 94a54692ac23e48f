"""Rows of summary.csv, one per run, from the metrics.json of its evaluation."""

from emospace.evaluation.intervals import holm
from emospace.evaluation.tables import gain_of


def summary_row(result: dict) -> dict:
    """Cells of a run; undefined and absent values are empty. Columns of metrics are those of the config, in order."""
    meta, gain = result["meta"], f"{result['meta']['compare_by']}_gain"
    paired, compared = (result["paired"] or {}).get(meta["compare_by"], {}), meta["compared"] or {}
    row = {key: meta[key] for key in ("run", "model", "corpus", "protocol", "leaky")}
    row |= {"seeds": len(meta["seeds"]), "n": meta["n"]}
    for name in meta["metrics"]:
        row |= _with_interval(name, result["pooled"][name], "value")
    row |= {"baseline": meta["baseline"]} | _with_interval(gain, paired, "difference")
    row |= {f"{gain}_p": _cell(paired, "p"), "random_weights": " ".join(meta["random_inputs"])}
    row |= {f"{gain}_p_holm": "", f"{gain}_p_at_most": paired.get("at_most", False)}
    row |= {"baseline_seeds": len(meta["baseline_seeds"]) or "", "clusters": meta["clusters"]}
    row |= {key: meta[key] for key in ("cluster_unit", "method", "intervals")}
    row |= {"training_noise_not_included": " ".join(meta["training_noise_not_included"])}
    row |= {"leaks": " ".join(meta["leaks"]), "in_sample": " ".join(meta["in_sample_runs"])}
    row["left_out"] = sum(code["rows"] for code in meta["left_out"].values())
    row |= {f"compared_{key}": _cell(compared, key) for key in ("protocol", "n", "clusters")}
    return row


def _with_interval(name: str, cell: dict, value: str) -> dict:
    return {name: _cell(cell, value), f"{name}_lo": _cell(cell, "lo"), f"{name}_hi": _cell(cell, "hi")}


def _cell(cell: dict, key: str):
    return "" if cell.get(key) is None else cell[key]


def correct(rows: list[dict]) -> None:
    """Fill in Holm's p of every comparison, corrected for the number of comparisons in the table."""
    p = f"{gain_of(rows[0])}_p"
    tested = [row for row in rows if row[p] != ""]
    for row, corrected in zip(tested, holm([row[p] for row in tested]), strict=True):
        row[f"{p}_holm"] = corrected
