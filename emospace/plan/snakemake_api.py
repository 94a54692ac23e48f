"""All that we use of Snakemake beyond its documented interface, in one place.

Snakemake 9 has no public name for any of it, so a new version may rename or remove it without notice. Rule files and
the planner ask here; tests/plan/test_snakemake_api.py says which line to mend when an attribute is gone.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake_interface_logger_plugins.common import LogEvent

__all__ = ["LogEvent", "WorkflowError"]

HANDLER = "DefaultStreamHandler"  # Snakemake's name of the log handler that writes to the terminal

# The workflow, as the Snakefile sees it -------------------------------------------------------------------------


def uses_conda(workflow) -> bool:
    """Was --use-conda given?"""
    return DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method


def hand_on(workflow, config: Path) -> None:
    """Have every job that is started on another machine read this config file, and no other."""
    workflow.config_settings.configfiles = [config.absolute()]


def one_gpu_job_at_a_time(workflow) -> None:
    """Never run two jobs on the GPU of one machine, unless `--resources gpu=...` allows it."""
    if "gpu" not in workflow.global_resources:
        workflow.register_resource("gpu", 1)


def counts_gpus_elsewhere(workflow) -> bool:
    """Does the profile give `gpu` the scope "local", as where jobs run on other machines, which have GPUs?"""
    return workflow.resource_scopes.is_local("gpu")


def touches(workflow) -> bool:
    """Was --touch given, so that files are marked as made and no job runs? Known as soon as the DAG is built."""
    return workflow.touch


def wildcards_of_jobs(workflow, rule: str) -> Iterator[Any]:
    """Wildcards of the jobs of a rule that are about to run."""
    return (job.wildcards for job in workflow.dag.needrun_jobs() if job.rule.name == rule)


def shows_jobs(workflow) -> bool:
    """Is this the process that plans and runs jobs, not a dry run and not --verbose?"""
    settings = workflow.output_settings
    return bool(workflow.is_main_process and not (settings.dryrun or settings.verbose))


def targets(workflow) -> list[str]:
    """Names of the rules that make nothing, such as `all`."""
    return [rule.name for rule in workflow.rules if not rule.output]


def outcome(workflow) -> dict[str, Any]:
    """At the end of a run: all jobs, whether each had to run and whether it finished, and those that failed."""
    dag = workflow.dag
    return {"jobs": dag.jobs, "needrun": dag.needrun, "finished": dag.finished, "failed": workflow.scheduler.failed}


# What it recorded below .snakemake ------------------------------------------------------------------------------


class Records:
    """Snakemake's records of the jobs that it ran, by their outputs."""

    def __init__(self):
        from snakemake.persistence.file import FilePersistence

        self._records = FilePersistence(nolock=True)

    def inputs(self, output: Path) -> list[Path]:
        """The inputs from which an output was last made; none where nothing is recorded."""
        record = self._records.metadata(_io(output))
        return [Path(path) for path in (record and record.input) or ()]

    def input_below(self, output: Path, folder: Path) -> Path | None:
        """The input below `folder` from which an output was last made, if one is recorded."""
        return next((path for path in self.inputs(output) if path.is_relative_to(folder)), None)

    def forget(self, output: Path) -> None:
        """Make Snakemake run the job of this output again."""
        self._records.cleanup_metadata(_io(output))


def _io(path: Path):
    from snakemake.io import IOFile

    return IOFile(path)


# Its DAG, planned from outside -----------------------------------------------------------------------------------


@contextmanager
def planned(configfiles: Sequence[Path], phases: Iterable[str]) -> Iterator["Graph"]:
    """The DAG of all that these phases make. Planning writes recipes and triggers."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        try:
            config = ConfigSettings(configfiles=configfiles)
            resources = ResourceSettings(cores=1)
            workflow = api.workflow(snakefile=Path("Snakefile"), resource_settings=resources, config_settings=config)
            dag = workflow.dag(DAGSettings(targets=frozenset(phases), forceall=True))
            dag.execute_workflow(executor="dryrun")
        except WorkflowError as error:  # of the config, mostly: its text says where
            sys.exit(str(error))
        yield Graph(dag, workflow._workflow.dag)


class Graph:
    """Jobs in an order in which they could run, and what each of them reads of others."""

    def __init__(self, api, dag):
        self._api, self._dag = api, dag

    def jobs(self) -> Iterator[Any]:
        levels = (sorted(level, key=lambda job: str(job.output)) for level in self._dag.toposorted())
        return (job for level in levels for job in level if job.output)

    def needs(self, job) -> list[Any]:
        """Jobs of which this one reads an output that does not merely have to be there."""
        found = self._dag.dependencies[job].items()
        return [other for other, files in found if not all(file.is_ancient for file in files)]

    def forget(self, outputs: list[Path]) -> None:
        """Make Snakemake forget how these were made. It refuses where it knows nothing of one of them."""
        try:
            self._api.cleanup_metadata(outputs)
        except WorkflowError:
            return


# The terminal ----------------------------------------------------------------------------------------------------


def terminal_handlers(logger) -> list:
    """The log handlers that write to the terminal."""
    return [handler for handler in logger.handlers if handler.name == HANDLER]


def first_filter(handler, filter_: Callable) -> None:
    """Add a filter before Snakemake's own, which `--quiet` has drop what ours learns a job's name from."""
    handler.filters.insert(0, filter_)
