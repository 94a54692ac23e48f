"""Mutation testing: change one token of a module, run that module's tests, and check that at least one fails.

mutmut generates and runs the mutants. This script takes the modules and their tests from tests/mutants.toml, draws a
seeded sample, resumes after a kill, and reports. mutmut mutates functions and methods only: module constants and
decorated functions, such as properties, have no mutants.
"""

import argparse
import random
import resource
import sys
import tomllib
from collections import Counter

import _mutmut
from _mutmut import HUNG, KILLED, ROOT, Mutant

SAID = {0: "survived", 33: "no test calls this function", None: "not tested, see the log of its workspace"}


def sample(found: list[Mutant], count: int, seed: str) -> list[Mutant]:
    """Draw a seeded sample of the mutants, excluding those that change prose only."""
    eligible = [mutant for mutant in found if not mutant.prose]
    return random.Random(seed).sample(eligible, min(count, len(eligible)))


def explained(module: str, mutant: Mutant, known: list[dict]) -> str:
    """The documented reason why this mutant may survive, or ""."""
    same = (entry for entry in known if (entry["module"], entry["old"]) == (module, mutant.old))
    return next((entry["why"] for entry in same if mutant.new in entry["new"]), "")


def settings() -> dict:
    """Read tests/mutants.toml: modules with their tests, sample size, and excused survivors."""
    return tomllib.loads((ROOT / "tests/mutants.toml").read_text(encoding="utf-8"))


def main() -> int:
    table = settings()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(table["tests"]), help="of emospace/; all of the table")
    parser.add_argument("--sample", type=int, default=table["sample"], help="mutants per module")
    parser.add_argument("--seed", type=int, default=table["seed"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--survivors", action="store_true", help="after work on tests: run again what survived, only")
    args = parser.parse_args()
    total, left, args.held = Counter(), [], _mutmut.lock()
    print(f"{'module':<12} mutants  tested  killed  (hung)  share  explained  open  seconds of CPU")
    for module in args.modules:
        row, survivors = measure(module, table, args)
        show(module, row)
        total += row
        left += survivors
    show("all", total)
    (_mutmut.WORKSPACES / "survivors.diff").write_text("\n".join(left), encoding="utf-8")
    print(f"survivors: {_mutmut.WORKSPACES.name}/survivors.diff")
    return 1 if total["open"] or total["killed"] < table["target"] / 100 * total["tested"] else 0


def measure(module: str, table: dict, args: argparse.Namespace) -> tuple[Counter, list[str]]:
    """Return a module's row of the table, and for each survivor its name, status, excuse and diff."""
    start = cpu_seconds()
    folder = _mutmut.prepare(module, table["tests"][module], args.survivors)
    found = _mutmut.mutants(folder, module)
    drawn = sample(found, args.sample, f"{args.seed} {module}")
    codes = _mutmut.run(folder, module, drawn, args.workers, args.survivors, args.held)
    survived = [mutant for mutant in drawn if codes[mutant.name] not in KILLED]
    why = [explained(module, mutant, table.get("survivor", [])) for mutant in survived]
    row = Counter(mutants=len(found), tested=len(drawn), killed=len(drawn) - len(survived))
    row.update(hung=sum(codes[mutant.name] in HUNG for mutant in drawn))
    row.update(explained=sum(map(bool, why)), open=why.count(""), cpu=round(cpu_seconds() - start))
    said = [SAID.get(codes[mutant.name], f"exit code {codes[mutant.name]}") for mutant in survived]
    parts = zip(survived, said, why, strict=True)
    return row, [f"{mutant.name}: {fate}. {reason}\n{mutant.diff}\n" for mutant, fate, reason in parts]


def cpu_seconds() -> float:
    """CPU time of all child processes so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(name: str, row: Counter) -> None:
    share = 100 * row["killed"] / max(row["tested"], 1)
    print(
        f"{name:<12} {row['mutants']:7}  {row['tested']:6}  {row['killed']:6}  {row['hung']:6}  {share:4.1f}%"
        f"  {row['explained']:9}  {row['open']:4}  {row['cpu']:14}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
