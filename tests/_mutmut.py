"""Workspaces for the mutants of one module: a copy of the project in which mutmut runs that module's tests only.

Adds what mutmut lacks: listing the mutants before the first run, excluding prose, and recovering from a kill in
mid-write.
"""

import ast
import contextlib
import difflib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKSPACES = ROOT / ".mutants"
COPIED = ["emospace", "tests", "benchmarks", "workflow_scripts", "configs", "config.yaml", "Snakefile", "rules"]
COPIED += ["schemas", "envs", "constraints.txt", "requirements.txt"]
# Exit codes of pytest: test failures (1), an internal error (3), or a signal that ended a hung mutant (XCPU, KILL).
FAILED, HUNG = {1, 3}, {24, -24, 152, -9}
KILLED = FAILED | HUNG
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
CONFIG = """
[tool.mutmut]
source_paths = ["emospace"]
only_mutate = {only}
also_copy = {copied}
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider"]
process_isolation = "forkserver"
timeout_constant = 6.0
timeout_multiplier = 5.0
use_git_change_detection = false
"""
# While mutmut records which test calls which function, a mutated module imported by a script would also record, and
# fail, because mutmut looks for its configuration in the script's working directory.
SITE = """
import os
if os.environ.get("MUTANT_UNDER_TEST") == "stats":
    os.environ["MUTANT_UNDER_TEST"] = ""
"""


@dataclass(frozen=True)
class Mutant:
    """name: mutmut's name. old, new: the lines that differ, without indentation."""

    name: str
    old: str
    new: str
    diff: str

    @property
    def prose(self) -> bool:
        """Whether only human-readable text differs, that is, a string literal that contains a space."""
        return _without_prose(self.old) == _without_prose(self.new)


def _without_prose(line: str) -> str:
    return re.sub(r'"([^"]*)"', lambda found: '""' if " " in found[1] else found[0], line)


def lock() -> int:
    """Acquire the lock that excludes other runs; return its descriptor, which mutmut inherits.

    If a run is killed but its mutmut survives, the next run waits until that mutmut has finished its module.
    """
    WORKSPACES.mkdir(exist_ok=True)
    descriptor = os.open(WORKSPACES / "lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another run", file=sys.stderr)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def prepare(module: str, tests: list[str], keep: bool) -> Path:
    """Prepare the workspace of a module, a copy of the project. Verdicts on other code or by other tests are deleted.

    keep: keep verdicts by other tests if the module is unchanged (an edit renumbers the mutants).
    """
    folder = WORKSPACES / module
    config = CONFIG.format(
        only=json.dumps([f"emospace/{module}.py"]),
        copied=json.dumps([*COPIED, "sitecustomize.py"]),
        tests=json.dumps([f"tests/{name}" for name in tests]),
    )
    seen, now = folder / "fingerprint", fingerprint(config, tests)
    if not seen.exists() or seen.read_text() != now:
        copy = folder / f"emospace/{module}.py"
        if not keep or not copy.exists() or copy.read_bytes() != (ROOT / f"emospace/{module}.py").read_bytes():
            shutil.rmtree(folder, ignore_errors=True)
        (folder / "mutants/mutmut-stats.json").unlink(missing_ok=True)  # which test calls which function
        folder.mkdir(parents=True, exist_ok=True)
        _copy(folder)
        (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + config)
        (folder / "sitecustomize.py").write_text(SITE)
        seen.write_text(now)
    if verdicts(folder, module) is None:  # a kill interrupted mutmut's write
        for path in (folder / "mutants" / "emospace").glob(f"{module}.py*"):
            path.unlink()
    return folder


def _copy(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
        else:
            shutil.copy2(ROOT / name, folder / name)


def fingerprint(config: str, tests: list[str]) -> str:
    """Digest of everything that a verdict depends on, which excludes the tests of other modules."""
    digest = hashlib.sha256(f"{config} {importlib.metadata.version('mutmut')}".encode())
    for path in sorted(path for name in COPIED for path in [ROOT / name, *(ROOT / name).rglob("*")]):
        of_tests = path.is_relative_to(ROOT / "tests") and re.match("test_|mutants|_mut", path.name)
        mine = not of_tests or str(path.relative_to(ROOT / "tests")) in tests
        if path.is_file() and path.suffix != ".pyc" and mine:
            digest.update(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()


def mutants(folder: Path, module: str) -> list[Mutant]:
    """All mutants that mutmut generates for a module."""
    from mutmut.configuration import reset_config
    from mutmut.mutation import diff_apply, file_mutation
    from mutmut.utils.format_utils import get_mutant_name, orig_function_and_class_names_from_key

    path = Path(f"emospace/{module}.py")
    with contextlib.chdir(folder):
        reset_config()
        made = file_mutation.mutate_file_contents(str(path), path.read_text(encoding="utf-8"), None, None)
    texts, found = _functions(made.code), []
    for name in made.mutant_names:
        real, copies = orig_function_and_class_names_from_key(name)[0], diff_apply.generated_function_names(name)
        old, new = (texts[copy].replace(copy, real, 1).splitlines() for copy in copies)
        diff = list(difflib.unified_diff(old, new, str(path), str(path), lineterm=""))
        sides = ("\n".join(line[1:].strip() for line in diff[2:] if line[0] == sign) for sign in "-+")
        found.append(Mutant(get_mutant_name(path, name), *sides, "\n".join(diff)))
    return found


def _functions(code: str) -> dict[str, str]:
    """Map the name of each function and method to its source text.

    The text is cut out of the source, because libcst, which mutmut uses here, takes longer than generating the mutants.
    """
    lines, body = code.splitlines(), ast.parse(code).body
    inner = (node for outer in body if isinstance(outer, ast.ClassDef) for node in outer.body)
    functions = (node for node in (*body, *inner) if isinstance(node, ast.FunctionDef))
    return {n.name: textwrap.dedent("\n".join(lines[n.lineno - 1 : n.end_lineno])) for n in functions}


def verdicts(folder: Path, module: str) -> dict[str, int | None] | None:
    """Map each mutant to the exit code of its tests, None if they have not run; None if the file is incomplete."""
    meta = folder / "mutants" / "emospace" / f"{module}.py.meta"
    try:
        return json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    except (OSError, ValueError, KeyError):
        return None


def run(folder: Path, module: str, drawn: list[Mutant], workers: int, keep: bool, held: int) -> dict[str, int | None]:
    """Run the mutants without a verdict and, with `keep`, those that survived. held: descriptor of the lock."""
    known = verdicts(folder, module) or {}
    undecided = {None} if not keep else {None, *(set(known.values()) - KILLED)}
    todo = [mutant.name for mutant in drawn if known.get(mutant.name) in undecided]
    if todo:
        command = [Path(sys.executable).parent / "mutmut", "run", "--max-children", str(workers), *todo]
        with open(folder / "log", "w") as log:
            options = {"env": os.environ | ONE_THREAD, "stdout": log, "stderr": log, "pass_fds": [held]}
            done = subprocess.run(command, cwd=folder, check=False, **options)
        if done.returncode:
            print(f"mutmut failed, see {folder.relative_to(ROOT)}/log", file=sys.stderr)
    known = verdicts(folder, module) or {}
    return {mutant.name: known.get(mutant.name) for mutant in drawn}
