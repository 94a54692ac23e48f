"""Plan the workflow, and look up paths by wildcards. All rule files use PLAN and PATHS; this file has no rules."""

import os
import sys

sys.path.insert(0, workflow.basedir)

from emospace.core import plugin
from emospace.core.errors import InputError
from emospace.plan import job_arguments, snakemake_api, start
from emospace.plan.data_paths import beside, fill, offsets, sidecars, weight_records
from emospace.plan.paths import Paths
from emospace.plan.plan import gpu_here, prefer_this_python

# Snakemake prints a WorkflowError that is raised here as one line, without a traceback.
try:
    start.check_conda(workflow)
    prefer_this_python()
    PLAN = start.plan_of(workflow, config, logger.warning)
except InputError as error:
    raise snakemake_api.WorkflowError(str(error))

# A profile gives `gpu` the scope "local" if jobs run on other machines that have GPUs.
GPU = gpu_here() or snakemake_api.counts_gpus_elsewhere(workflow)
snakemake_api.one_gpu_job_at_a_time(workflow)


onstart:
    snakemake_api.wait_for_jobs_only(workflow)
    snakemake_api.hash_no_ancient_input()
    try:
        start.refuse_absent(workflow, PLAN)
    except InputError as error:
        raise snakemake_api.WorkflowError(str(error))


wildcard_constraints:
    corpus="[a-z][a-z0-9_]*",
    part="[0-9]+",
    view="|".join(PLAN.augmented() or ["none"]),
    protocol="[a-z][a-z0-9_]*",
    run="[a-z][a-z0-9_]*",
    fold="fold[0-9]+",
    seed="[0-9]+",


PATHS = Paths(PLAN)
NAME = PLAN.name  # below logs/ too, because runs, protocols or corpora of two configs may have the same name


def threads_of(view, step=""):
    """Function of the wildcards: the threads of a job of a view or step."""

    def threads(w):
        cores = snakemake_api.shared_cores(workflow)
        return PLAN.views.threads(view, step, parts=len(PLAN.parts(w.corpus)), cores=cores)

    return threads


def recipe(rule, key):
    """Input function: the recipe of a job, by the value of the wildcard `key`."""
    return lambda w: PLAN.recipe(rule, getattr(w, key))


def protocol_of(w):
    """Return the protocol in the wildcards, or that of the run in the wildcards."""
    return w.get("protocol") or PLAN.run(w.run)["protocol"]


def of_corpora(pattern):
    """Input function: the pattern filled for all corpora of the protocol."""
    return lambda w: PATHS.over_corpora(pattern, protocol_of(w))


def ancient_of_corpora(pattern):
    """Like `of_corpora`, for files that only have to exist."""
    return lambda w: ancient(PATHS.over_corpora(pattern, protocol_of(w)))


def of_parts(pattern):
    """Input function: the pattern filled for all parts of the corpus."""
    return lambda w: PATHS.over_parts(pattern, w.corpus, view=w.get("view", ""))


def of_run(pattern):
    """Input function: the pattern filled with the run's protocol, fold and augmented views."""
    return lambda w: PATHS.of_run(pattern, w.run, w.get("fold", ""))


def fold_tables(w):
    """Input function: the fold tables of the protocol."""
    return PATHS.fold_tables(protocol_of(w))
