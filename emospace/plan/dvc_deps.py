"""Would DVC see it if what comes from outside the project changed? It looks at the paths of dvc.yaml, and no others."""

from pathlib import Path

import yaml

from emospace.core import plugin
from emospace.core.errors import InputError

PAIRS = Path("configs/pairs")
SPLITS = Path("configs/splits")


def check_seen(plan, stages: Path = Path("dvc.yaml")) -> None:
    """Raise InputError for what could change while DVC skips the stage that reads it.

    That is a corpus, the pairs of a translator, a split table, or a file of vectors that a feature is read from.
    """
    for name in plan.config["corpora"]:
        if not plan.generated(name):
            told = f"{name} may lie where DVC does not look, so that a changed raw file goes unnoticed"
            _watched(stages, "corpora", told)
    for name in plan.encoded():
        if files := plan.feature_files(name):
            told = f"{files[0]}, which {name} is read from, lies where DVC does not look"
            _watched(stages, "augment" if plan.views.is_augmented(name) else "features", told)
    for name, entry in plan.config.get("weights", {}).items():
        if "pairs" in entry and not Path(entry["pairs"]).resolve().is_relative_to(PAIRS.resolve()):
            raise InputError(
                entry["pairs"], f"DVC does not look there for the pairs of {name}", f"move them to {PAIRS}"
            )
    for name, spec in plan.config["protocols"].items():
        for option in plugin.find("splits", spec["split"]).FILES:
            file = plan.protocol_options(name).get(option)
            if file and not Path(file).resolve().is_relative_to(SPLITS.resolve()):
                raise InputError(file, f"DVC does not look there for a file of {name}", f"move it to {SPLITS}")


def _watched(stages: Path, stage: str, reason: str) -> None:
    """Raise InputError unless DVC always runs a stage, so that Snakemake looks."""
    if not yaml.safe_load(stages.read_text(encoding="utf-8"))["stages"].get(stage, {}).get("always_changed"):
        raise InputError(stages, reason, f"set `always_changed: true` in its stage {stage}")
