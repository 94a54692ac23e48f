"""Terminal output of a run: progress bars, a line per finished job, a table at the end. This file has no rules."""

from emospace.plan import snakemake_api
from emospace.plan.run_summary import declared, summary, write_summary
from emospace.plan.terminal import show_one_line_per_job

if snakemake_api.shows_jobs(workflow):
    show_one_line_per_job(logger, lambda: snakemake_api.targets(workflow))

# Concurrent jobs share the terminal's last line: each shows its bar there from time to time and clears it.
for _name, _value in {"TQDM_MININTERVAL": "1", "TQDM_LEAVE": ""}.items():
    os.environ.setdefault(_name, _value)


def tell():
    """Not called by Snakemake for a dry run or if nothing is to be done; `--touch` does not count as a run."""
    if not snakemake_api.touches(workflow):
        text = summary(**snakemake_api.outcome(workflow))
        logger.info(write_summary(Path("logs/summary.txt"), text))
        for line in declared(PLAN):
            logger.warning(line)


onsuccess:
    tell()


onerror:
    tell()
