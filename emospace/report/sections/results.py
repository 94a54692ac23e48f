"""Scores of all runs with intervals, and what each gains over the run that it is compared with."""

import inspect
import math
from collections.abc import Iterable

TITLE = "Results"
ORDER = 10


def gather(results) -> dict:
    """Runs by group, what the metrics mean, and the number of comparisons that Holm's p is corrected for."""
    from emospace.core import plugin
    from emospace.evaluation.tables import corrected, gain_of, gain_title, metrics_of, title

    gain = gain_of(results.summary[0])
    by = gain.removesuffix("_gain")
    metrics = {name: plugin.find("metrics", name) for name in metrics_of(results.summary[0])}
    about = {name: {"title": title(name), "meaning": inspect.getdoc(found) or ""} for name, found in metrics.items()}
    found = {"groups": groups(results.summary, results.metas, gain), "metrics": about, "by": by, "gain": gain}
    return found | {"limits": limits_of(by), "gain_title": gain_title(by), "corrected": corrected(results.summary)}


def limits_of(metric: str) -> dict:
    """Range of a metric, and whether tables print it as percent."""
    from emospace.core import plugin

    found = plugin.find("metrics", metric)
    return {"low": found.LOWEST, "high": found.HIGHEST, "percent": found.PERCENT}


def groups(rows: list[dict], metas: Iterable[dict], gain: str) -> list[dict]:
    """Rows that may be compared, because they share corpus and protocol, with the UA of guessing.

    gain: column of the gain over the baseline.
    """
    about = {(meta["corpus"], meta["protocol"]): meta for meta in metas}
    mine = {key: [row for row in rows if (row["corpus"], row["protocol"]) == key] for key in about}
    return [
        {"corpus": key[0], "protocol": key[1], "rows": mine[key], "meta": meta, "chance": 1 / len(meta["classes"])}
        | comparisons(mine[key], gain)
        for key, meta in about.items()
    ]


def comparisons(rows: list[dict], gain: str) -> dict:
    """The run that most are compared with, and for every other such run, those that are: an ablation, say."""
    probe = next((row["run"] for row in rows if row["run"] == row["baseline"]), rows[0]["baseline"])
    others = dict.fromkeys(row["baseline"] for row in rows if row["baseline"] != probe)
    found = []
    for name in others:
        mine = [row for row in rows if row["baseline"] == name]
        keys = (gain, f"{gain}_lo", f"{gain}_hi")
        widest = max((abs(row[key]) for row in mine for key in keys if row[key] is not None), default=0)
        found.append({"baseline": name, "rows": mine, "limit": max(0.05, math.ceil(widest * 20) / 20)})
    return {"probe": probe, "comparisons": found}
