"""100,000 utterances in 1,500 dialogues: does planning scale with parts, and are the jobs over all rows linear?

Media are empty files and artifacts synthetic (`_synthetic.py`, one step of four numbers per row): nothing is encoded.
Planning, the jobs in JOBS and DVC are real. The corpus lies outside the project, as docs/scale.md advises for large
ones. Costs are CPU seconds of a process and its children. docs/scale.md has the tables that
`python -m benchmarks scale` prints.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import yaml

from benchmarks._cost import OUTPUT, Cost, cost
from benchmarks._large import config, corpus
from benchmarks._project import copy_project
from benchmarks._timing import Claim, compare

FEW, MANY = 1_000, 100_000  # utterances; planning is compared between the two
SOME = 10_000  # utterances; the cost per row is compared with that of MANY
JOBS = ["index_part", "merge_manifest", "make_protocol_actors", "audit_protocol"]  # in order of dependency
PHASES = ["report", "augment"]  # the targets that cover all that DVC tracks
PLAN = ["snakemake", "-n", "--cores", "1", "--quiet", "all"]
NO_OP = ["snakemake", "--cores", "1", *PHASES]
TOUCH = ["snakemake", "--touch", "--cores", "1", "--quiet", "all", "--forceall", "--", *PHASES]


@dataclass
class Project:
    """A copy of the project whose corpus has `utterances` in `parts`, and its measurements."""

    folder: Path
    utterances: int
    parts: int
    facts: dict = field(default_factory=dict)  # printed by `describe`
    costs: dict[str, list[Cost]] = field(default_factory=dict)

    def run(self, name: str, *command: str, says: str = "") -> float:
        """Run a command whose output must contain `says`; record its cost under `name`, return its CPU seconds."""
        self.costs.setdefault(name, []).append(cost(self.folder, *command))
        output = (self.folder / OUTPUT).read_text()
        assert says in output, output[-2000:]
        return self.costs[name][-1].seconds

    def call(self, function: str) -> str:
        """Run a function of `_synthetic.py` in the folder; return the last line that it prints, or ""."""
        self.run(function, sys.executable, "-c", f"from benchmarks._synthetic import {function}; {function}()")
        return (["", *(self.folder / OUTPUT).read_text().splitlines()])[-1]


def project(top: Path, utterances: int, parts: int) -> Project:
    """Copy the project, with a raw corpus beside it that copies of equal size share; plan it, build nothing."""
    raw, folder = top / f"raw{utterances}", top / f"{utterances} in {parts}"
    if not raw.exists():
        corpus(raw, utterances)
    folder.mkdir()
    copy_project(folder)
    for name in ("data/raw", "data/augmented"):  # DVC requires both, although neither has any content here
        (folder / name).mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config(parts, raw)), encoding="utf-8")
    made = Project(folder, utterances, parts)
    made.facts = json.loads(made.call("describe"))  # the first plan, with an empty cache
    return made


def grown(what: str, small: Callable[[], float], large: Callable[[], float], target: float, unit: str) -> list[dict]:
    """Return a row with the ratio of the cost of `small` to that of `large`."""
    claim = Claim(what, "small", "large", target, unit)
    return compare({"small": small, "large": large}, [claim], clock=lambda way: way())


def planning(few: Project, many: Project, more: Project) -> list[dict]:
    """Compare by utterances: plans with nothing built, runs with nothing to do, `dvc status`; plans also by parts."""
    sizes = f"{FEW:,} / {MANY:,} utterances"
    rows = grown(f"jobs, {sizes}", lambda: few.facts["jobs"], lambda: many.facts["jobs"], 1, f"in {few.parts} parts")

    def against(what: str, name: str, command: list[str], target: float, says: str = "") -> list[dict]:
        ways = [lambda made=made: made.run(name, *command, says=says) for made in (few, many)]
        return grown(f"{what}, {sizes}", *ways, target, "CPU seconds")

    def of_a_job(made: Project) -> float:
        return made.run("plan", *PLAN) / made.facts["jobs"]

    rows += against("planning", "plan", PLAN, 0.3)
    parts = f"planning a job, {many.parts} / {more.parts} parts"
    rows += grown(parts, lambda: of_a_job(many), lambda: of_a_job(more), 0.7, f"CPU seconds, {MANY:,} utterances")
    for made in (few, many):
        made.call("fill")
        made.run("touch", *TOUCH)
    rows += against("a run with nothing to do", "no-op", NO_OP, 0.3, "Nothing to be done")
    for made in (few, many):
        made.run("init", "git", "init", "-q")
        made.run("commit", "dvc", "commit", "--force", "--quiet")
    return rows + against("dvc status", "status", ["dvc", "status"], 0.4, "up to date")


def over_rows(some: Project, many: Project) -> list[dict]:
    """Run the jobs that read every row; compare the cost per row of 10,000 and 100,000 (index_part: of part 0)."""
    rows = []
    for rule in JOBS:
        for made in (some, many):
            for command in made.facts["commands"][rule][1:]:
                made.run("other parts", "bash", "-c", command)

        def of_a_row(made: Project, rule=rule) -> float:
            return made.run(rule, "bash", "-c", made.facts["commands"][rule][0]) / made.utterances

        name = f"{rule}, a row of {SOME:,} / of {MANY:,}"
        ways = [lambda made=made, of_a_row=of_a_row: of_a_row(made) for made in (some, many)]
        rows += grown(name, *ways, 0.7, "CPU seconds a row of the corpus")
    return rows


def measure() -> list[dict]:
    """Return cost ratios of 1,000 and of 10,000 utterances to 100,000, and of 45 parts to 90."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        few, many, more = (project(top, *cell) for cell in ((FEW, 45), (MANY, 45), (MANY, 90)))
        rows = planning(few, many, more)
        some, all_rows = (project(top, utterances, 2) for utterances in (SOME, MANY))
        rows += over_rows(some, all_rows)
        show([few, many, more], ["describe", "plan", "no-op", "status"], few.costs["plan"])
        show([some, all_rows], JOBS, few.costs["plan"])
    return rows


def show(projects: list[Project], names: list[str], unit: list[Cost]) -> None:
    """Print a table of docs/scale.md: costs as multiples of planning the fewest utterances, and peak memory."""
    one = median(cost.seconds for cost in unit)
    print("| utterances | parts | jobs |", " | ".join(names), "| longest command |")
    for made in projects:
        cells = [made.costs.get(name) for name in names]
        texts = [c and f"{median(x.seconds for x in c) / one:.2f}, {median(x.memory for x in c):.0f} MB" for c in cells]
        facts = f"{made.utterances:,} | {made.parts} | {made.facts['jobs']}"
        print(f"| {facts} |", " | ".join(cell or "" for cell in texts), f"| {made.facts['longest']:,} bytes |")


if __name__ == "__main__":
    for row in measure():
        print(row)
