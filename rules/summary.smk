"""What a user sees of a run: bars while jobs run, a table at the end (logs/summary.txt too). Nothing here is a rule."""

from workflow_scripts._summary import summary, write_summary

# Jobs that run side by side share the terminal's last line: each shows its bar there now and then, and clears it.
for _name, _value in {"TQDM_MININTERVAL": "1", "TQDM_LEAVE": ""}.items():
    os.environ.setdefault(_name, _value)


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
