"""Take over artifacts that another machine made (git clone, dvc pull), as far as they are what would be made here.

Whatever its sidecar shows to come from today's recipe and today's inputs is entered in Snakemake's records; the rest
is marked as out of date, so that the next run makes it again. Refuses if a file and its sidecar disagree.
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
    print(f"{len(verdicts) - len(stale)} of {len(verdicts)} jobs have made what they would make today.")
    counts = Counter(job.rule for job in stale)
    first = {job.rule: (job, why) for job, why in reversed(stale.items())}
    for rule, count in counts.items():
        job, why = first[rule]
        print(f"{count} x {rule} to be made again, with what depends on it: {job.outputs[0]}: {why}")


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
