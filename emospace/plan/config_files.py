"""Read a config file as the workflow does: over the pinned weights that all configs share."""

from pathlib import Path

import yaml

from emospace.core.provenance import PACKAGE_ROOT
from emospace.plan.snakemake_api import update_config

SHARED = PACKAGE_ROOT / "configs/shared/weights.yaml"


def read_config(path: Path) -> dict:
    """Return the complete content of a config file."""
    return complete(yaml.safe_load(Path(path).read_text(encoding="utf-8")))


def complete(config: dict) -> dict:
    """Return a config merged over the shared weights, as the Snakefile merges it."""
    whole = yaml.safe_load(SHARED.read_text(encoding="utf-8"))
    update_config(whole, config)
    return whole
