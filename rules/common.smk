"""Checks the config and the raw files, and names paths. Every rule file uses PLAN; nothing here is a rule."""

import os
import sys

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)

from emospace.errors import InputError
from workflow_scripts._plan import Plan, gpu_here, prefer_this_python

prefer_this_python()
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
FOLDS = "data/protocols/{corpus}/{protocol}/{fold}.csv"
PROTOCOL = "data/protocols/{corpus}/{protocol}.json"
AUDIT = "data/audit/{corpus}/{protocol}.json"
RUN = "results/runs/{corpus}/{run}/{fold}-{seed}"


def recipe(rule, key):
    """Input function: the recipe of a rule for the wildcard of that name."""
    return lambda wildcards: PLAN.recipe(rule, getattr(wildcards, key))


def of_parts(pattern):
    """Input function: the pattern for every part of the corpus."""
    return lambda wildcards: expand(pattern, corpus=wildcards.corpus, part=PLAN.parts(wildcards.corpus))


def of_folds(protocol_of):
    """Input function: the fold tables of the protocol that `protocol_of(wildcards)` names."""
    return lambda w: expand(FOLDS, corpus=w.corpus, protocol=protocol_of(w), fold=PLAN.folds(protocol_of(w)))


def of_run(pattern):
    """Input function: the pattern for the protocol of the run, and the fold if it has one."""
    return lambda w: expand(pattern, corpus=w.corpus, protocol=protocol_of_run(w), fold=getattr(w, "fold", ""))


def protocol_of_run(wildcards):
    return PLAN.run(wildcards.run)["protocol"]


def view_file(view):
    """Path pattern of a view's main file of one part."""
    return f"data/views/{{corpus}}/{view}/{VIEW_FILE[view]}"


def input_files(wildcards, sidecars=False):
    """Files of all parts of every input of a run (stores, or tables of a text view), or the sidecars beside them."""
    paths = []
    for name in PLAN.run(wildcards.run)["inputs"]:
        folder = f"data/views/{{corpus}}/{name}" if name in VIEW_FILE else f"data/features/{{corpus}}/{name}"
        file = "{part}.json" if sidecars else VIEW_FILE.get(name, "{part}.npy")
        paths += expand(f"{folder}/{file}", corpus=wildcards.corpus, part=PLAN.parts(wildcards.corpus))
    return paths


def parent_folders(wildcards):
    """Run -> folder of the same fold and seed, for every parent of a run."""
    fold = {"corpus": wildcards.corpus, "fold": wildcards.fold, "seed": wildcards.seed}
    return {run: RUN.format(run=run, **fold) for run in PLAN.run(wildcards.run)["parents"]}


def input_arguments(wildcards):
    """--input NAME FILE... per input and --parents; names and paths hold no character that a shell would read."""
    count, files = len(PLAN.parts(wildcards.corpus)), input_files(wildcards)
    names = PLAN.run(wildcards.run)["inputs"]
    words = [f"--input {n} {' '.join(files[i * count:(i + 1) * count])}" for i, n in enumerate(names)]
    parents = [f"{name}={folder}" for name, folder in parent_folders(wildcards).items()]
    return " ".join(words + (["--parents", *parents] if parents else []))


def run_folders(run):
    """Folders of all folds and seeds of a run."""
    folds = PLAN.folds(PLAN.run(run)["protocol"])
    return expand(RUN, corpus=PLAN.run_corpus(run), run=run, fold=folds, seed=PLAN.seeds(run))


def baseline_folders(run):
    """Folders of the run's baseline, or none where it is its own."""
    return [] if PLAN.baseline(run) == run else run_folders(PLAN.baseline(run))


def each(folders, file):
    """That file of each folder."""
    return [f"{folder}/{file}" for folder in folders]


def all_runs(file):
    """That file of every run, fold and seed."""
    return [path for run in PLAN.config["runs"] for path in each(run_folders(run), file)]


def evaluations(file):
    """That file of every run's evaluation, in the order of the config."""
    return [f"results/evaluation/{PLAN.run_corpus(r)}/{r}/{file}" for r in PLAN.config["runs"]]


def audits():
    """The audit of every protocol."""
    return [AUDIT.format(corpus=spec["corpus"], protocol=name) for name, spec in PLAN.config["protocols"].items()]


def used_features():
    """Sidecars of every part of every feature that a run reads."""
    pattern = "data/features/{corpus}/{feature}/{part}.json"
    return [
        path
        for c in PLAN.config["corpora"]
        for path in expand(pattern, corpus=c, feature=PLAN.used_features(c), part=PLAN.parts(c))
    ]
