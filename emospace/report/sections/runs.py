"""Each run: confusion matrix, recalls, folds, speakers, training curves, and a map of its unified space."""

from itertools import groupby
from pathlib import Path

import numpy as np

TITLE = "Runs"
ORDER = 30


def gather(results) -> dict:
    """One entry per run."""
    from emospace.evaluation.tables import gain_of, metrics_of
    from emospace.report.sections.results import limits_of

    metrics, by = metrics_of(results.summary[0]), gain_of(results.summary[0]).removesuffix("_gain")
    runs = [_run(results, name, content) for name, content in results.metrics.items()]
    return {"runs": runs, "metrics": metrics, "by": by, "limits": limits_of(by)}


def _run(results, name: str, content: dict) -> dict:
    """The metrics.json of a run, with everything else that its card shows."""
    from emospace.evaluation import figures

    meta, records = content["meta"], results.records[name]
    audit = results.audits[meta["protocol"]]
    histories = {folder.name: results.history(folder) for folder in records}
    chosen = {folder.name: _chosen(histories[folder.name], record) for folder, record in records.items()}
    return content | {
        "matrix": _matrix(content["confusion"], meta["classes"]),
        "folds": {name: content["folds"][name] for name in sorted(content["folds"], key=lambda n: (len(n), n))},
        "test_speakers": {fold: facts["speakers"]["test"] for fold, facts in audit["folds"].items()},
        "chosen": _by_fold(chosen),
        "abscissa": next((next(iter(history[0])) for history in histories.values() if history), ""),
        "curves": figures.curves(histories, chosen) if any(histories.values()) else [],
        "map": _map(results, name, next(iter(records)), meta),
        "trained": next(iter(records.values()))["recipe"],
    }


def _chosen(history: list[dict[str, float]], record: dict) -> float | None:
    """The chosen state: the fact named like the first column of the history."""
    value = record["facts"].get(next(iter(history[0]))) if history else None
    return value if isinstance(value, int | float) else None


def _by_fold(chosen: dict[str, float | None]) -> dict[str, str]:
    """Fold -> the chosen states of all seeds."""
    pairs = sorted((name.rpartition("-")[0], value) for name, value in chosen.items() if value is not None)
    return {fold: ", ".join(f"{value:g}" for _, value in group) for fold, group in groupby(pairs, lambda p: p[0])}


def _matrix(confusion: list[list[float]], classes: list[str]) -> list[dict]:
    """Rows of the confusion matrix: class, and per cell count, share of the row, and whether it is correct."""
    table = np.array(confusion)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    keys = ("count", "share", "correct")
    return [
        {
            "name": name,
            "cells": [dict(zip(keys, (table[i, j], shares[i, j], i == j), strict=True)) for j in range(len(classes))],
        }
        for i, name in enumerate(classes)
    ]


def _map(results, run: str, folder: Path, meta: dict) -> dict | None:
    """Map of the unified space of one fold's test rows; the axes of other folds and seeds do not match."""
    from emospace.evaluation import figures

    embeddings = results.embeddings(folder)
    if embeddings.shape[1] < 2:
        return None
    position = {line.utterance: i for i, line in enumerate(results.probabilities(folder)) if line.side == "test"}
    if not position:
        return None
    label = {line["utterance"]: line["label"] for line in results.predictions(run)}
    gender = {row.utterance: row.gender for corpus in meta["corpora"] for row in results.rows[corpus]}
    points, method = figures.flat_map(embeddings[list(position.values())])
    svg = figures.space_map(points, [label[u] for u in position], [gender[u] for u in position], meta["classes"])
    fold, _, seed = folder.name.rpartition("-")
    return {"svg": svg, "method": method, "fold": fold, "seed": seed, "n": len(position)}
