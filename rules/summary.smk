"""Terminal output of a run: progress bars, one line per finished job, a table at the end. This file has no rules."""

from emospace.plan import snakemake_api
from emospace.plan.run_summary import declared, summary, write_summary
from emospace.plan.terminal import show_one_line_per_job

if snakemake_api.shows_jobs(workflow):
    show_one_line_per_job(logger, lambda: snakemake_api.targets(workflow))

# Concurrent jobs share the terminal's last line: each redraws its bar once a second and erases it when done.
for _name, _value in {"TQDM_MININTERVAL": "1", "TQDM_LEAVE": ""}.items():
    os.environ.setdefault(_name, _value)


def show_summary():
    """Print and store the summary. Snakemake does not call it for a dry run or without jobs; `--touch` is no run."""
    if not snakemake_api.touches(workflow):
        text = summary(**snakemake_api.outcome(workflow))
        logger.info(write_summary(Path("logs/summary.txt"), text))
        for line in declared(PLAN):
            logger.warning(line)


onsuccess:
    show_summary()


onerror:
    show_summary()
