"""The plan of a run, which its jobs keep to wherever they are started.

On a cluster each job starts Snakemake anew, which reads the Snakefile again, and would read a config that was edited
meanwhile. So the process that plans hands its own config to them, in a file named by its content: with the recipes, the
triggers and the roots of corpora that follow from it.
"""

import json
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import write_once
from emospace.plan.plan import Plan

KEY = "frozen"  # no key of a config that a user could write: the schema is closed


def freeze(plan: Plan, folder: Path) -> Path:
    """Write a plan to `<folder>/plan-<digest>.json`; it is also a config, for the sake of Snakemake."""
    recipes = [[rule, key, str(path)] for (rule, key), path in plan.recipes.items()]
    roots = {corpus: plan.root(corpus) for corpus in plan.config["corpora"]}
    about = {"recipes": recipes, "raw": plan.raw, "roots": roots}
    # Not sorted: the order of runs means something.
    return write_once(folder, "plan", json.dumps({**plan.config, KEY: about}, indent=1, ensure_ascii=False) + "\n")


def thaw(config: dict) -> Plan:
    """The plan that was frozen into this config. Raises InputError if none was."""
    if KEY not in config:
        reason = "this job was started without the plan of its run"
        raise InputError("config", reason, "start the workflow again, and let it start its jobs itself")
    about, config = config[KEY], {key: value for key, value in config.items() if key != KEY}
    recipes = {(rule, key): Path(path) for rule, key, path in about["recipes"]}
    return Plan(config, recipes=recipes, raw=about["raw"], roots=about["roots"])
