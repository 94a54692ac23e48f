"""Snakemake, and modules of the project that plan, run in forks of a process that has imported Snakemake.

Importing Snakemake takes longer than planning the demo. A fork of a process that has done so runs like a fresh
interpreter: working directory, environment, arguments and output are its own, and no module of emospace is loaded.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PRELOADED = ("snakemake.cli", "snakemake.profiles", "snakemake.report.html_reporter", "snakemake_executor_plugin_slurm")
PRELOADED += ("jsonschema", "smart_open")


class Programs:
    """Run programs in forks of one process, which starts with the first of them."""

    def __init__(self):
        self.server: subprocess.Popen | None = None

    def can_run(self, command: Sequence[str]) -> bool:
        """Is this a program that a fork can run: snakemake, or a module of the project?"""
        return command[0] == "snakemake" or tuple(command[:2]) == ("python", "-m")

    def run(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess:
        """Run a program; its stdout and stderr together, as text."""
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as output:
            request = {"command": command, "cwd": str(cwd), "env": dict(env), "output": output.name}
            server = self._started()
            server.stdin.write(json.dumps(request) + "\n")
            server.stdin.flush()
            code = int(server.stdout.readline())
            return subprocess.CompletedProcess(command, code, output.read())

    def _started(self) -> subprocess.Popen:
        if self.server is None:
            both = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self.server = subprocess.Popen([sys.executable, __file__], **both)
        return self.server

    def stop(self) -> None:
        if self.server is not None:
            self.server.communicate()
            self.server = None


def serve() -> None:
    """Fork for each request of stdin; write the exit status of each to stdout."""
    for name in PRELOADED:
        __import__(name)
    assert not [name for name in sys.modules if name.partition(".")[0] in ("emospace", "workflow_scripts")]
    gc.freeze()  # forks share the memory of what is loaded as long as they do not collect it
    replies = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        if (pid := os.fork()) == 0:
            become(**request)
            return
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=replies, flush=True)


def become(command: list[str], cwd: str, env: dict[str, str], output: str) -> None:
    """Turn this process into the program; the interpreter then exits as usual, with the status of the program."""
    import runpy

    out = os.open(output, os.O_WRONLY | os.O_APPEND)
    for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, out)):
        os.dup2(source, target)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    if command[0] == "snakemake":
        sys.argv, sys.path[0] = command, str(Path(sys.executable).parent)
        sys.exit(sys.modules["snakemake.cli"].main())
    sys.argv, sys.path[0] = command[2:], cwd
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve()
