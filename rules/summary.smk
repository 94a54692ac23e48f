"""What a user sees of a run: bars while jobs run, a line as each ends, a table at the end. Nothing here is a rule."""

from workflow_scripts._summary import declared, summary, write_summary
from workflow_scripts._terminal import show_one_line_per_job

if workflow.is_main_process and not (workflow.output_settings.dryrun or workflow.output_settings.verbose):
    show_one_line_per_job(logger, lambda: [rule.name for rule in workflow.rules if not rule.output])

# Jobs that run side by side share the terminal's last line: each shows its bar there now and then, and clears it.
for _name, _value in {"TQDM_MININTERVAL": "1", "TQDM_LEAVE": ""}.items():
    os.environ.setdefault(_name, _value)


def tell():
    """Snakemake calls this neither for a dry run nor where nothing is to be done; marking files as made is no run."""
    if not workflow.executor_plugin.common_settings.touch_exec:
        dag = workflow.dag
        text = summary(dag.jobs, dag.needrun, dag.finished, workflow.scheduler.failed)
        logger.info(write_summary(Path("logs/summary.txt"), text))
        for line in declared(PLAN):
            logger.warning(line)


onsuccess:
    tell()


onerror:
    tell()
