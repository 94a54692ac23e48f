"""What a run did, at its end: a table on the terminal, unless --quiet all, and in logs/summary.txt. Nothing here is a rule."""

from workflow_scripts._summary import summary, write_summary


def tell():
    """Snakemake calls this neither for a dry run nor where nothing is to be done; marking files as made is no run."""
    if not workflow.executor_plugin.common_settings.touch_exec:
        dag = workflow.dag
        text = summary(dag.jobs, dag.needrun, dag.finished, workflow.scheduler.failed)
        logger.info(write_summary(Path("logs/summary.txt"), text))


onsuccess:
    tell()


onerror:
    tell()
