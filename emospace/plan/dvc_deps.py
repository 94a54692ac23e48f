"""Check that DVC would notice changes of files from outside the project: it watches only the paths in dvc.yaml."""

from pathlib import Path

import yaml

from emospace.core import plugin
from emospace.core.errors import InputError

PAIRS = Path("configs/pairs")
SPLITS = Path("configs/splits")


def check_seen(plan, stages: Path = Path("dvc.yaml")) -> None:
    """Raise InputError for a file that could change while DVC skips the stage that reads it.

    These are raw files, the pairs of a translator, a split table, and files that the options of a feature or run name.
    """
    for name in plan.config["corpora"]:
        if not plan.generated(name):
            reason = f"{name} may be outside the paths that DVC watches, so it would miss a changed raw file"
            _check_always_runs(stages, "corpora", reason)
    for name in plan.encoded():
        if files := plan.feature_files(name):
            reason = f"{files[0]}, which {name} reads, is outside the paths that DVC watches"
            _check_always_runs(stages, "augment" if plan.views.is_augmented(name) else "features", reason)
    for name in plan.config["runs"]:
        if files := plan.outside_files(name):
            reason = f"{files[0]}, which {name} reads, is outside the paths that DVC watches"
            _check_always_runs(stages, "train", reason)
    for name, entry in plan.config.get("weights", {}).items():
        if "pairs" in entry and not Path(entry["pairs"]).resolve().is_relative_to(PAIRS.resolve()):
            raise InputError(
                entry["pairs"], f"DVC does not watch that path for the pairs of {name}", f"move them to {PAIRS}"
            )
    for name, spec in plan.config["protocols"].items():
        for option in plugin.find("splits", spec["split"]).FILES:
            file = plan.protocol_options(name).get(option)
            if file and not Path(file).resolve().is_relative_to(SPLITS.resolve()):
                raise InputError(file, f"DVC does not watch that path for a file of {name}", f"move it to {SPLITS}")


def _check_always_runs(stages: Path, stage: str, reason: str) -> None:
    """Raise InputError unless DVC always runs a stage, so that Snakemake can check the files."""
    if not yaml.safe_load(stages.read_text(encoding="utf-8"))["stages"].get(stage, {}).get("always_changed"):
        raise InputError(stages, reason, f"set `always_changed: true` in its stage {stage}")
