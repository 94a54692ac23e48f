"""What the report says: facts gathered from results and sidecars into plain values that page.html lays out."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import numpy as np

from emospace import manifest
from emospace.provenance import canonical, read_json
from emospace.report import figures
from emospace.report.balance import balance
from emospace.report.trust import cautions
from emospace.tables import corrected, gain_of, metrics_of

QUALITY_SHOWN = 20
WORDS = {"run", "model", "corpus", "protocol", "baseline", "random_weights", "cluster_unit", "method", "intervals"}
WORDS |= {"training_noise_not_included", "leaks", "compared_protocol"}
FLAGS = {"leaky"}


@dataclass(frozen=True)
class Files:
    """Paths of everything the report reads. Beside each lie its companions: predictions.csv, history.csv and so on."""

    summary: Path
    metrics: Sequence[Path]
    runs: Sequence[Path]
    audits: Sequence[Path]
    quality: Sequence[Path]
    manifests: Sequence[Path]
    features: Sequence[Path]
    sheets: Sequence[Path] = ()
    gates: Sequence[Path] = ()


def gather(files: Files, recipe: dict) -> dict:
    """Everything page.html shows, by section."""
    rows, results = _summary(files.summary), {path: read_json(path) for path in files.metrics}
    records = {path.parent: read_json(path) for path in files.runs}
    audits = [read_json(path) for path in files.audits]
    sidecars = {path.stem: read_json(path) for path in files.manifests}
    genders = {corpus: _genders(path) for corpus, path in zip(sidecars, files.manifests, strict=True)}
    corpora = [_corpus(path, sidecars[path.stem]) for path in files.quality]
    features = _features(files.features)
    runs = [_run(path, result, records, audits, genders) for path, result in results.items()]
    return {
        "groups": _groups(rows, results.values()),
        "corrected": corrected(rows),
        "columns": metrics_of(rows[0]),
        "by": gain_of(rows[0]).removesuffix("_gain"),
        "cautions": cautions(corpora, audits, [r["meta"] for r in results.values()], features),
        "runs": runs,
        "corpora": corpora,
        "protocols": [balance(audit) for audit in audits],
        "features": features,
        "sheets": _sheets(files.sheets, files.gates),
        "versions": dict(sorted({k: v for r in records.values() for k, v in r["versions"].items()}.items())),
        "recipe": recipe,
    }


def _summary(path: Path) -> list[dict]:
    """Rows of summary.csv with numbers as numbers; what is empty there is None."""
    with open(path, encoding="utf-8", newline="") as handle:
        return [{key: _typed(key, text) for key, text in line.items()} for line in csv.DictReader(handle)]


def _typed(key: str, text: str):
    if key in WORDS:
        return text
    if key in FLAGS or key.endswith("_gain_p_at_most"):
        return text == "true"
    return (int(text) if text.isdigit() else float(text)) if text else None


def _groups(rows: list[dict], results: Iterable[dict]) -> list[dict]:
    """Rows that may be compared, because they share corpus and protocol, with the score of guessing."""
    about = {(r["meta"]["corpus"], r["meta"]["protocol"]): r["meta"] for r in results}
    mine = {key: [row for row in rows if (row["corpus"], row["protocol"]) == key] for key in about}
    return [
        {"corpus": key[0], "protocol": key[1], "rows": mine[key], "meta": meta, "chance": 1 / len(meta["classes"])}
        | _comparisons(mine[key])
        for key, meta in about.items()
    ]


def _comparisons(rows: list[dict]) -> dict:
    """The run that most are compared with, and for every other such run, those that are: an ablation, say."""
    probe = next((row["run"] for row in rows if row["run"] == row["baseline"]), rows[0]["baseline"])
    others = dict.fromkeys(row["baseline"] for row in rows if row["baseline"] != probe)
    found = []
    for name in others:
        mine = [row for row in rows if row["baseline"] == name]
        keys = [f"{gain_of(row)}{end}" for row in mine[:1] for end in ("", "_lo", "_hi")]
        widest = max((abs(row[key]) for row in mine for key in keys if row[key] is not None), default=0)
        found.append({"baseline": name, "rows": mine, "limit": max(0.05, np.ceil(widest * 20) / 20)})
    return {"probe": probe, "comparisons": found}


def _run(path: Path, result: dict, records: dict[Path, dict], audits: list[dict], genders: dict) -> dict:
    meta = result["meta"]
    mine = {folder: r for folder, r in records.items() if r["recipe"]["run"] == meta["run"]}
    audit = next(a for a in audits if a["recipe"]["protocol"] == meta["protocol"])
    histories = {folder.name: _history(folder / "history.csv") for folder in mine}
    chosen = {folder.name: _chosen(histories[folder.name], record) for folder, record in mine.items()}
    recipe = next(iter(mine.values()))["recipe"]
    return result | {
        "matrix": _matrix(result["confusion"], meta["classes"]),
        "folds": {name: result["folds"][name] for name in sorted(result["folds"], key=lambda n: (len(n), n))},
        "test_speakers": {fold: facts["speakers"]["test"] for fold, facts in audit["folds"].items()},
        "chosen": _by_fold(chosen),
        "chosen_what": next((next(iter(history[0])) for history in histories.values() if history), ""),
        "curves": figures.curves(histories, chosen) if any(histories.values()) else [],
        "map": _map(path.with_name("predictions.csv"), next(iter(mine)), _of_corpora(genders, meta), meta["classes"]),
        "trained": recipe,
        "digest": sha256(canonical(recipe).encode()).hexdigest(),
    }


def _of_corpora(genders: dict[str, dict], meta: dict) -> dict[str, str]:
    """Utterance -> gender, of the corpora of a run."""
    return {name: gender for corpus in meta["corpora"] for name, gender in genders[corpus].items()}


def _history(path: Path) -> list[dict[str, float]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return [{key: float(value) for key, value in line.items()} for line in csv.DictReader(handle)]


def _chosen(history: list[dict[str, float]], record: dict) -> float | None:
    """Where training stopped looking: the fact that is called like the first column of the history."""
    return record["facts"].get(next(iter(history[0]))) if history else None


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


def _map(predictions: Path, folder: Path, genders: dict[str, str], classes: list[str]) -> dict | None:
    """The unified space of one fold's test rows. Spaces of other folds or seeds have axes of their own."""
    embeddings = np.load(folder / "embeddings.npy", allow_pickle=False)
    if embeddings.shape[1] < 2:
        return None
    with open(folder / "probabilities.csv", encoding="utf-8", newline="") as handle:
        place = {line["utterance"]: i for i, line in enumerate(csv.DictReader(handle)) if line["split"] == "test"}
    with open(predictions, encoding="utf-8", newline="") as handle:
        label = {line["utterance"]: line["label"] for line in csv.DictReader(handle)}
    if not place:
        return None
    points, method = figures.flat_map(embeddings[list(place.values())])
    svg = figures.space_map(points, [label[u] for u in place], [genders[u] for u in place], classes)
    fold, _, seed = folder.name.rpartition("-")
    return {"svg": svg, "method": method, "fold": fold, "seed": seed, "n": len(place)}


def _genders(sidecar: Path) -> dict[str, str]:
    return {row.utterance: row.gender for row in manifest.read(sidecar.with_suffix(".csv"))}


def _corpus(quality: Path, sidecar: dict) -> dict:
    problems = manifest.read_problems(quality)
    reasons = {(p.reason, p.dropped) for p in problems}
    counts = Counter((p.reason, p.dropped) for p in problems)
    table = [
        {"reason": reason, "dropped": dropped, "count": counts[reason, dropped], "means": manifest.REASONS.get(reason)}
        for reason, dropped in sorted(reasons)
    ]
    shown = problems[:QUALITY_SHOWN]
    return sidecar | {"name": quality.stem, "reasons": table, "problems": shown, "problem_count": len(problems)}


def _features(sidecars: Sequence[Path]) -> list[dict]:
    """One entry per feature of a corpus; its parts agree in everything but counts."""
    found = []
    by_feature = groupby(sorted(sidecars), lambda path: path.parts[-3:-1])
    for (corpus, feature), paths in by_feature:
        parts = [read_json(path) for path in paths]
        totals = {key: sum(part.get(key) or 0 for part in parts) for key in ("rows", "steps", "missing")}
        facts = {"random": any(part["random_weights"] for part in parts), "dim": max(part["dim"] for part in parts)}
        weights = next((part["weights"] for part in parts if part.get("weights")), None)
        found.append(
            {"corpus": corpus, "name": feature, "recipe": parts[0]["recipe"], "weights": weights, **totals, **facts}
        )
    return found


def _sheets(paths: Sequence[Path], gates: Sequence[Path]) -> list[dict]:
    """One entry per augmented view of a corpus: counts, examples, and the counts of every fold of a protocol."""
    folds, views = [read_json(path) for path in gates], [read_json(path) for path in paths]
    mine = [[f for f in folds if f["view"] == view["view"] and view["corpus"] in f["corpora"]] for view in views]
    return [view | {"folds": own} for view, own in zip(views, mine, strict=True)]
