"""Freeze the plan of a run, so that all its jobs use it wherever they start.

On a cluster, each job starts Snakemake again, which reads the Snakefile and would read a config edited in the meantime.
The planning process therefore passes its config to the jobs in a content-addressed file, together with the recipes,
the triggers and the roots of the corpora.
"""

import json
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import write_once
from emospace.plan.plan import Plan

KEY = "frozen"  # the schema is closed, so no config of a user can have this key


def freeze(plan: Plan, folder: Path) -> Path:
    """Write a plan to `<folder>/plan-<digest>.json`, which is also a config that Snakemake can read."""
    recipes = [[rule, key, str(path)] for (rule, key), path in plan.recipes.items()]
    roots = {corpus: plan.root(corpus) for corpus in plan.config["corpora"]}
    frozen = {"recipes": recipes, "raw": plan.raw, "roots": roots}
    # Not sorted: the order of runs matters.
    return write_once(folder, "plan", json.dumps({**plan.config, KEY: frozen}, indent=1, ensure_ascii=False) + "\n")


def thaw(config: dict) -> Plan:
    """Return the plan that was frozen into this config. Raises InputError if there is none."""
    if KEY not in config:
        reason = "this job was started without the plan of its run"
        raise InputError("config", reason, "start the workflow again, and let it start its jobs itself")
    frozen, config = config[KEY], {key: value for key, value in config.items() if key != KEY}
    recipes = {(rule, key): Path(path) for rule, key, path in frozen["recipes"]}
    return Plan(config, recipes=recipes, raw=frozen["raw"], roots=frozen["roots"])
