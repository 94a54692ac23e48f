"""Provenance: features and their weights, recipes of runs, package versions, and the config."""

from hashlib import sha256

from emospace.core.provenance import canonical

TITLE = "Provenance"
ORDER = 70


def gather(results) -> dict:
    """Features, runs with their recipes, package versions, and the config."""
    versions = {
        name: version
        for records in results.records.values()
        for record in records.values()
        for name, version in record["versions"].items()
    }
    return {
        "features": results.features,
        "runs": [_run(content["meta"], results.records[name]) for name, content in results.metrics.items()],
        "versions": dict(sorted(versions.items())),
        "config": results.config,
    }


def _run(meta: dict, records: dict) -> dict:
    recipe = next(iter(records.values()))["recipe"]
    return {"meta": meta, "trained": recipe, "digest": sha256(canonical(recipe).encode()).hexdigest()}
