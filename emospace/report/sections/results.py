"""Scores of all runs with intervals, and what each gains over the run that it is compared with."""

import inspect
import math
from collections.abc import Iterable

TITLE = "Results"
ORDER = 10


def gather(results) -> dict:
    """Runs by group, what the metrics mean, and the number of comparisons that Holm's p is corrected for."""
    from emospace.metrics import METRICS
    from emospace.tables import corrected

    metrics = {name: inspect.getdoc(metric) or "" for name, metric in METRICS.items()}
    found = {"groups": groups(results.summary, results.metas), "metrics": metrics}
    return found | {"corrected": corrected(results.summary)}


def groups(rows: list[dict], metas: Iterable[dict]) -> list[dict]:
    """Rows that may be compared, because they share corpus and protocol, with the score of guessing."""
    about = {(meta["corpus"], meta["protocol"]): meta for meta in metas}
    mine = {key: [row for row in rows if (row["corpus"], row["protocol"]) == key] for key in about}
    return [
        {"corpus": key[0], "protocol": key[1], "rows": mine[key], "meta": meta, "chance": 1 / len(meta["classes"])}
        | comparisons(mine[key])
        for key, meta in about.items()
    ]


def comparisons(rows: list[dict]) -> dict:
    """The run that most are compared with, and for every other such run, those that are: an ablation, say."""
    probe = next((row["run"] for row in rows if row["run"] == row["baseline"]), rows[0]["baseline"])
    others = dict.fromkeys(row["baseline"] for row in rows if row["baseline"] != probe)
    found = []
    for name in others:
        mine = [row for row in rows if row["baseline"] == name]
        keys = ("UA_gain", "UA_gain_lo", "UA_gain_hi")
        widest = max((abs(row[key]) for row in mine for key in keys if row[key] is not None), default=0)
        found.append({"baseline": name, "rows": mine, "limit": max(0.05, math.ceil(widest * 20) / 20)})
    return {"probe": probe, "comparisons": found}
