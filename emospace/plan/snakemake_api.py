"""All uses of Snakemake beyond its documented interface, in one place.

Snakemake 9 has no public name for any of them, so a new version may rename or remove them without notice. Rule files
and the planner call this module; tests/plan/test_snakemake_api.py names the line to fix when an attribute is gone.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError
from snakemake.io import _IOFile as IOFile
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import update_config
from snakemake_interface_logger_plugins.common import LogEvent

__all__ = ["LogEvent", "WorkflowError", "update_config"]

HANDLER = "DefaultStreamHandler"  # Snakemake's name for the log handler that writes to the terminal

# The workflow object of the Snakefile ---------------------------------------------------------------------------


def uses_conda(workflow) -> bool:
    """Was --use-conda given?"""
    return DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method


def hand_on(workflow, config: Path) -> None:
    """Make every job that starts on another machine read this config file and no other."""
    workflow.config_settings.configfiles = [config.absolute()]


def one_gpu_job_at_a_time(workflow) -> None:
    """Run at most one job at a time on a machine's GPU, unless `--resources gpu=...` allows more."""
    if "gpu" not in workflow.global_resources:
        workflow.register_resource("gpu", 1)


def wait_for_jobs_only(workflow) -> None:
    """Evaluate the queue of jobs on this machine when a job ends, not every second besides. Known at onstart.

    Snakemake 9.27 limits itself to 100 jobs per second. For this, every turn of its scheduler starts a timer for the
    next turn, and so does every job that ends: after a hundred jobs, a hundred timers keep a core half busy.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def hash_no_ancient_input() -> None:
    """Do not read the ancient inputs of a job that has ended, such as stores.

    Snakemake 9.27 records a checksum of every input up to `max-checksum-file-size`. It reads all of them once for each
    output, in its main process, while jobs wait. No decision depends on the checksum of an ancient input.
    """
    eligible = IOFile.is_checksum_eligible
    if not hasattr(eligible, "of_snakemake"):

        async def is_checksum_eligible(self, threshold) -> bool:
            return not self.is_ancient and await eligible(self, threshold)

        is_checksum_eligible.of_snakemake = eligible
        IOFile.is_checksum_eligible = is_checksum_eligible


def shared_cores(workflow) -> int | None:
    """Return the cores that all jobs share (--cores), None if jobs run on other machines. Known when jobs are made."""
    return workflow.resource_settings.cores if workflow.local_exec and workflow.is_main_process else None


def counts_gpus_elsewhere(workflow) -> bool:
    """Does the profile give `gpu` the scope "local", because jobs run on other machines that have GPUs?"""
    return workflow.resource_scopes.is_local("gpu")


def touches(workflow) -> bool:
    """Was --touch given, so that files are marked as up to date and no job runs? Known once the DAG is built."""
    return workflow.touch


def wildcards_of_jobs(workflow, rule: str) -> Iterator[Any]:
    """Yield the wildcards of the jobs of a rule that are about to run."""
    return (job.wildcards for job in workflow.dag.needrun_jobs() if job.rule.name == rule)


def shows_jobs(workflow) -> bool:
    """Is this the process that plans and runs jobs, without --dry-run and --verbose?"""
    settings = workflow.output_settings
    return bool(workflow.is_main_process and not (settings.dryrun or settings.verbose))


def targets(workflow) -> list[str]:
    """Return the names of the rules without output, such as `all`."""
    return [rule.name for rule in workflow.rules if not rule.output]


def outcome(workflow) -> dict[str, Any]:
    """Return the state at the end of a run: all jobs, whether each had to run and finished, and those that failed."""
    dag = workflow.dag
    return {"jobs": dag.jobs, "needrun": dag.needrun, "finished": dag.finished, "failed": workflow.scheduler.failed}


# Its records below .snakemake -----------------------------------------------------------------------------------


class Records:
    """Snakemake's records of the jobs that it ran, looked up by output."""

    def __init__(self):
        from snakemake.persistence.file import FilePersistence

        self._records = FilePersistence(nolock=True)

    def inputs(self, output: Path) -> list[Path]:
        """Return the inputs from which an output was last built; none without a record."""
        record = self._records.metadata(_io(output))
        return [Path(path) for path in (record and record.input) or ()]

    def input_below(self, output: Path, folder: Path) -> Path | None:
        """Return the input below `folder` from which an output was last built, if one is recorded."""
        return next((path for path in self.inputs(output) if path.is_relative_to(folder)), None)

    def forget(self, output: Path) -> None:
        """Delete the record of an output, so that Snakemake runs its job again."""
        self._records.cleanup_metadata(_io(output))


def _io(path: Path):
    from snakemake.io import IOFile

    return IOFile(path)


# Its DAG, built from outside -------------------------------------------------------------------------------------


@contextmanager
def planned(configfiles: Sequence[Path], phases: Iterable[str]) -> Iterator["Graph"]:
    """Yield the DAG of everything that these phases build. Planning writes recipes and triggers."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        try:
            config = ConfigSettings(configfiles=configfiles)
            resources = ResourceSettings(cores=1)
            workflow = api.workflow(snakefile=Path("Snakefile"), resource_settings=resources, config_settings=config)
            dag = workflow.dag(DAGSettings(targets=frozenset(phases), forceall=True))
            dag.execute_workflow(executor="dryrun")
        except WorkflowError as error:  # mostly a fault of the config; the message gives the place
            sys.exit(str(error))
        yield Graph(dag, workflow._workflow.dag)


class Graph:
    """The jobs of a DAG in an order in which they could run, and their dependencies."""

    def __init__(self, api, dag):
        self._api, self._dag = api, dag

    def jobs(self) -> Iterator[Any]:
        levels = (sorted(level, key=lambda job: str(job.output)) for level in self._dag.toposorted())
        return (job for level in levels for job in level if job.output)

    def needs(self, job) -> list[Any]:
        """Return the jobs with an output that this job reads other than as `ancient`."""
        dependencies = self._dag.dependencies[job].items()
        return [other for other, files in dependencies if not all(file.is_ancient for file in files)]

    def forget(self, outputs: list[Path]) -> None:
        """Delete Snakemake's records of these outputs."""
        try:
            self._api.cleanup_metadata(outputs)
        except WorkflowError:  # raised after the deletion if any of them had no record
            return


# The terminal ----------------------------------------------------------------------------------------------------


def terminal_handlers(logger) -> list:
    """Return the log handlers that write to the terminal."""
    return [handler for handler in logger.handlers if handler.name == HANDLER]


def first_filter(handler, filter_: Callable) -> None:
    """Add a filter before Snakemake's own, which under `--quiet` drops the records from which ours gets job names."""
    handler.filters.insert(0, filter_)
