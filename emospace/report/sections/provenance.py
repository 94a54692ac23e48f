"""How it was made: features and their weights, recipes of runs, versions, and the config."""

from hashlib import sha256

from emospace.core.provenance import canonical

TITLE = "Provenance"
ORDER = 70


def gather(results) -> dict:
    """Features, runs with their recipes, versions of packages, and what was asked for."""
    versions = {
        k: v for mine in results.records.values() for record in mine.values() for k, v in record["versions"].items()
    }
    return {
        "features": results.features,
        "runs": [_run(found["meta"], results.records[name]) for name, found in results.metrics.items()],
        "versions": dict(sorted(versions.items())),
        "config": results.config,
    }


def _run(meta: dict, mine: dict) -> dict:
    recipe = next(iter(mine.values()))["recipe"]
    return {"meta": meta, "trained": recipe, "digest": sha256(canonical(recipe).encode()).hexdigest()}
