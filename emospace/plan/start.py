"""Start a run: plan it in Snakemake's main process, or take over its plan in a job on another machine."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from emospace.core.disk import as_input_error
from emospace.core.errors import InputError
from emospace.plan import snakemake_api
from emospace.plan.checkouts import forget_exchanged
from emospace.plan.dvc_deps import check_seen
from emospace.plan.plan import STATE, Plan
from emospace.plan.sharing import check_sharing
from emospace.plan.snapshot import freeze, thaw

# DVC requires every output folder, even if the corpus is elsewhere or the config has no augmentation, weights or
# analyses.
DVC_FOLDERS = ("data/raw", "data/views", "data/augmented", "weights")


def plan_of(workflow, config: dict, warn: Callable[[str], None]) -> Plan:
    """Return the plan of a run, with its recipes and triggers written. Raises InputError."""
    try:
        return _planned(workflow, config, warn) if workflow.is_main_process else thaw(config)
    except OSError as error:
        raise as_input_error(error) from error


def _planned(workflow, config: dict, warn: Callable[[str], None]) -> Plan:
    plan = Plan(config)
    plan.refresh_raw(snakemake_api.Records().input_below)
    for warning in plan.warnings:
        warn(warning)
    if "DVC_STAGE" in os.environ:  # started by `dvc repro`, which will record all outputs on disk
        _prepare_for_dvc(plan)
    plan.touch_recipes()
    # Cluster jobs read the Snakefile again. Pass this plan to them, because config.yaml may change in the meantime.
    snakemake_api.hand_on(workflow, freeze(plan, STATE / "plans"))
    return plan


def _prepare_for_dvc(plan: Plan) -> None:
    check_sharing()
    check_seen(plan)
    forget_exchanged(plan.name, plan.config["corpora"], STATE / "recipes")
    for folder in (*DVC_FOLDERS, f"results/{plan.name}/analyses"):
        Path(folder).mkdir(parents=True, exist_ok=True)


def check_conda(workflow) -> None:
    """Raise InputError if --use-conda was given without conda; Snakemake would name only the missing command."""
    if not snakemake_api.uses_conda(workflow):
        return
    if subprocess.run(["bash", "-c", "type conda"], capture_output=True, check=False).returncode:
        remedy = "install Miniforge (https://conda-forge.org/download/) and open a new shell, or leave out --use-conda"
        raise InputError("--use-conda", "it needs the command `conda` (24.7.1 or later) on PATH", remedy)


def refuse_absent(workflow, plan: Plan) -> None:
    """Raise InputError if a job is about to read a corpus that is absent. `--touch` runs no job."""
    if not snakemake_api.touches(workflow):
        plan.refuse_absent(w.corpus for w in snakemake_api.wildcards_of_jobs(workflow, "index_part"))
