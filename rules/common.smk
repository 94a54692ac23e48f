"""Checks the config and the raw files, and names paths. Every rule file uses PLAN; nothing here is a rule."""

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)
# Without --use-conda, `python` in a rule is the Python that runs Snakemake, activated or not.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]

from emospace.errors import InputError
from workflow_scripts._plan import Plan, gpu_here

try:
    PLAN = Plan(config)
    PLAN.refresh_raw()
except InputError as error:
    raise WorkflowError(str(error))


wildcard_constraints:
    corpus="[a-z][a-z0-9_]*",
    part="[0-9]+",
    view="audio|frames|text",
    feature="(audio|frames|text)[.][a-z][a-z0-9_]*",
    protocol="[a-z][a-z0-9_]*",
    run="[a-z][a-z0-9_]*",
    fold="fold[0-9]+",
    seed="[0-9]+",


VIEW_FILE = {"audio": "{part}.npy", "frames": "{part}.zip", "text": "{part}.csv"}


def recipe(rule, key):
    """Input function: the recipe of a rule for the wildcard of that name."""
    return lambda wildcards: PLAN.recipe(rule, getattr(wildcards, key))


def view_files(view, suffix):
    """Path pattern of a view's file of one part (suffix None) or of what lies beside it."""
    name = VIEW_FILE[view] if suffix is None else "{part}" + suffix
    return f"data/views/{{corpus}}/{view}/{name}"


def of_parts(pattern):
    """Input function: the pattern for every part of the corpus."""
    return lambda wildcards: expand(pattern, corpus=wildcards.corpus, part=PLAN.parts(wildcards.corpus))


def used_features(suffix):
    """That file of every part of every feature that a run reads."""
    pattern = "data/features/{corpus}/{feature}/{part}" + suffix
    return [
        path
        for c in PLAN.config["corpora"]
        for path in expand(pattern, corpus=c, feature=PLAN.used_features(c), part=PLAN.parts(c))
    ]


def runs_of(run):
    """Folders of all folds and seeds of a run."""
    folder = "results/runs/{corpus}/{run}/{fold}-{seed}"
    folds = PLAN.folds(PLAN.run(run)["protocol"])
    return expand(folder, corpus=PLAN.run_corpus(run), run=run, fold=folds, seed=PLAN.seeds(run))


def evaluations(name):
    """That file of every run's evaluation, in the order of the config."""
    return [f"results/evaluation/{PLAN.run_corpus(r)}/{r}/{name}" for r in PLAN.config["runs"]]
