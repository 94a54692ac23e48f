"""What metrics.json says of an evaluation beside its numbers: run, rows, clusters, method, comparison."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from emospace.core.provenance import read_json
from emospace.evaluation.intervals import described, method
from emospace.evaluation.predictions import Predictions, Truth
from emospace.evaluation.result import unrepeated

FROM_RECIPE = ("run", "model", "corpus", "corpora", "protocol", "leaks", "baseline", "metrics", "compare_by")
FROM_RUNS = ("random_inputs", "missing", "in_sample_runs")


def meta(
    recipe: dict,
    protocol: dict,
    truth: Truth,
    predictions: Predictions,
    baseline: Predictions | None,
    result: dict,
    sidecars: Sequence[Path],
) -> dict:
    """Facts of an evaluation. protocol: its sidecar's content. sidecars: run.json of every fold and seed."""
    facts = {key: recipe[key] for key in FROM_RECIPE}
    facts |= {"classes": protocol["classes"], "seeds": predictions.seeds, "n": len(truth.rows)}
    facts |= {"speakers": len(truth.speakers), "leaky": bool(recipe["leaks"]), "left_out": protocol["left_out"]}
    facts["compared"] = _comparison(recipe, result)
    facts |= _intervals(truth, recipe, [predictions, baseline])
    contents = [read_json(path) for path in sidecars]
    return facts | {fact: sorted({name for run in contents for name in run.get(fact, [])}) for fact in FROM_RUNS}


def _intervals(truth: Truth, recipe: dict, runs: Sequence[Predictions | None]) -> dict:
    """Clusters and method of the intervals, and the runs whose training noise they do not include."""
    unit, count = truth.clusters.unit, truth.clusters.count
    triples = zip([recipe["run"], recipe["baseline"]], recipe["stochastic"], runs, strict=True)
    single = [name for name, stochastic, run in triples if unrepeated(stochastic, run)]
    text = described(count, unit) if count else "no test rows: nothing is measured"
    facts = {"clusters": count, "cluster_unit": unit, "method": method(count), "intervals": text}
    return facts | {"training_noise_not_included": single, "baseline_seeds": runs[1].seeds if runs[1] else []}


def _comparison(recipe: dict, result: dict) -> dict | None:
    """Protocol of the baseline, method, and the number of rows and clusters that both runs test."""
    if result["paired"] is None:
        return None
    count = result["shared"]["clusters"]
    protocol = (recipe["other"] or recipe)["protocol"]
    return {"protocol": protocol, "method": method(count), **result["shared"]}


def confusion_rows(classes: Sequence[str], table: Sequence[Sequence[float]]) -> Iterator[dict]:
    """Rows truth, columns prediction; counts are means over seeds."""
    for name, line in zip(classes, table, strict=True):
        yield {"truth": name} | {column: f"{count:g}" for column, count in zip(classes, line, strict=True)}
