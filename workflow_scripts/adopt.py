"""Adopt artifacts that another machine made (git clone, dvc pull), if they are up to date.

Artifacts whose sidecars match the current recipes and inputs are entered in Snakemake's records. The others are marked
as out of date, so that the next run rebuilds them. Refuses if a file and its sidecar disagree.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from emospace.core.errors import InputError
from emospace.plan.adopt import adopt
from emospace.plan.staleness import Job


def report(verdicts: dict[Job, str]) -> None:
    stale = {job: why for job, why in verdicts.items() if why}
    print(f"{len(verdicts) - len(stale)} of {len(verdicts)} jobs are up to date.")
    counts = Counter(job.rule for job in stale)
    first = {job.rule: (job, why) for job, why in reversed(stale.items())}
    for rule, count in counts.items():
        job, why = first[rule]
        print(f"{count} x {rule} will run again, with everything that depends on it: {job.outputs[0]}: {why}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="as given to snakemake")
    args = parser.parse_args()
    try:
        report(adopt(args.configfile))
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
