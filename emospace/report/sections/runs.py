"""Each run: confusion matrix, recalls, folds, speakers, training curves, and a map of its space."""

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
    runs = [_run(results, name, found) for name, found in results.metrics.items()]
    return {"runs": runs, "metrics": metrics, "by": by, "limits": limits_of(by)}


def _run(results, name: str, found: dict) -> dict:
    from emospace.evaluation import figures

    meta, mine = found["meta"], results.records[name]
    audit = results.audits[meta["protocol"]]
    histories = {folder.name: results.history(folder) for folder in mine}
    chosen = {folder.name: _chosen(histories[folder.name], record) for folder, record in mine.items()}
    return found | {
        "matrix": _matrix(found["confusion"], meta["classes"]),
        "folds": {name: found["folds"][name] for name in sorted(found["folds"], key=lambda n: (len(n), n))},
        "test_speakers": {fold: facts["speakers"]["test"] for fold, facts in audit["folds"].items()},
        "chosen": _by_fold(chosen),
        "chosen_what": next((next(iter(history[0])) for history in histories.values() if history), ""),
        "curves": figures.curves(histories, chosen) if any(histories.values()) else [],
        "map": _map(results, name, next(iter(mine)), meta),
        "trained": next(iter(mine.values()))["recipe"],
    }


def _chosen(history: list[dict[str, float]], record: dict) -> float | None:
    """Where training stopped looking: the fact that is called like the first column of the history."""
    value = record["facts"].get(next(iter(history[0]))) if history else None
    return value if isinstance(value, int | float) else None


def _by_fold(chosen: dict[str, float | None]) -> dict[str, str]:
    """Fold -> what was chosen there, for every seed."""
    pairs = sorted((name.rpartition("-")[0], value) for name, value in chosen.items() if value is not None)
    return {fold: ", ".join(f"{value:g}" for _, value in group) for fold, group in groupby(pairs, lambda p: p[0])}


def _matrix(confusion: list[list[float]], classes: list[str]) -> list[dict]:
    """Rows of the confusion matrix: class, and per cell its count, its share of the row, and whether it is right."""
    table = np.array(confusion)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    keys = ("count", "share", "right")
    return [
        {
            "name": name,
            "cells": [dict(zip(keys, (table[i, j], shares[i, j], i == j), strict=True)) for j in range(len(classes))],
        }
        for i, name in enumerate(classes)
    ]


def _map(results, run: str, folder: Path, meta: dict) -> dict | None:
    """The unified space of one fold's test rows. Spaces of other folds or seeds have axes of their own."""
    from emospace.evaluation import figures

    embeddings = results.embeddings(folder)
    if embeddings.shape[1] < 2:
        return None
    place = {line.utterance: i for i, line in enumerate(results.probabilities(folder)) if line.side == "test"}
    if not place:
        return None
    label = {line["utterance"]: line["label"] for line in results.predictions(run)}
    gender = {row.utterance: row.gender for corpus in meta["corpora"] for row in results.rows[corpus]}
    points, method = figures.flat_map(embeddings[list(place.values())])
    svg = figures.space_map(points, [label[u] for u in place], [gender[u] for u in place], meta["classes"])
    fold, _, seed = folder.name.rpartition("-")
    return {"svg": svg, "method": method, "fold": fold, "seed": seed, "n": len(place)}
