"""Scores of all runs with intervals, and their gains over their baselines."""

import inspect
import math
from collections.abc import Iterable

TITLE = "Results"
ORDER = 10


def gather(results) -> dict:
    """Runs by corpus and protocol, definitions of the metrics, and a note on Holm's correction."""
    from emospace.core import plugin
    from emospace.evaluation.tables import gain_of, gain_title, holm_note, metric_title, metrics_of

    gain = gain_of(results.summary[0])
    by = gain.removesuffix("_gain")
    modules = {name: plugin.find("metrics", name) for name in metrics_of(results.summary[0])}
    metrics = {name: {"title": metric_title(name), "meaning": inspect.getdoc(m) or ""} for name, m in modules.items()}
    content = {"groups": groups(results.summary, results.metas, gain), "metrics": metrics, "by": by, "gain": gain}
    return content | {"limits": limits_of(by), "gain_title": gain_title(by), "holm_note": holm_note(results.summary)}


def limits_of(metric: str) -> dict:
    """Range of a metric, and whether tables print it as percent."""
    from emospace.core import plugin

    module = plugin.find("metrics", metric)
    return {"low": module.LOWEST, "high": module.HIGHEST, "percent": module.PERCENT}


def groups(rows: list[dict], metas: Iterable[dict], gain: str) -> list[dict]:
    """Rows of summary.csv by corpus and protocol, each group with its chance level of UA.

    gain: column of the gain over the baseline.
    """
    by_key = {(meta["corpus"], meta["protocol"]): meta for meta in metas}
    members = {key: [row for row in rows if (row["corpus"], row["protocol"]) == key] for key in by_key}
    return [
        {"corpus": key[0], "protocol": key[1], "rows": members[key], "meta": meta, "chance": 1 / len(meta["classes"])}
        | comparisons(members[key], gain)
        for key, meta in by_key.items()
    ]


def comparisons(rows: list[dict], gain: str) -> dict:
    """The main baseline, and the runs compared with each other baseline, such as ablations."""
    probe = next((row["run"] for row in rows if row["run"] == row["baseline"]), rows[0]["baseline"])
    others = dict.fromkeys(row["baseline"] for row in rows if row["baseline"] != probe)
    entries = []
    for name in others:
        members = [row for row in rows if row["baseline"] == name]
        keys = (gain, f"{gain}_lo", f"{gain}_hi")
        widest = max((abs(row[key]) for row in members for key in keys if row[key] is not None), default=0)
        entries.append({"baseline": name, "rows": members, "limit": max(0.05, math.ceil(widest * 20) / 20)})
    return {"probe": probe, "comparisons": entries}
