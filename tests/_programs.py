"""Run Snakemake and the project's scripts in forks of a process that has imported their packages.

Importing Snakemake takes about as long as planning the demo, and importing PyTorch longer than most test jobs. A fork
of a preloaded process behaves like a fresh interpreter: it has its own working directory, environment, arguments and
output, and no emospace module is loaded.
"""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLANNING = ("snakemake.cli", "snakemake.profiles", "snakemake.report.html_reporter", "snakemake_executor_plugin_slurm")
PLANNING += ("jsonschema", "smart_open")
JOBS = ("torch", "scipy.fft", "scipy.signal", "scipy.stats", "sklearn.linear_model", "soundfile", "jinja2", "pydantic")


class Programs:
    """Run programs in forks of one process, which imports these modules when the first program starts."""

    def __init__(self, modules: Sequence[str]):
        self.modules = modules
        self.server: subprocess.Popen | None = None

    def can_run(self, command: Sequence[str]) -> bool:
        """Whether a fork can run this command: snakemake, or a module of the project."""
        return command[0] == "snakemake" or tuple(command[:2]) == ("python", "-m")

    def run(
        self, command: Sequence[str], cwd: Path, env: Mapping[str, str], together: bool = False
    ) -> subprocess.CompletedProcess:
        """Run a program and capture stdout and stderr as text; `together` merges both into stdout."""
        with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as error:
            request = {"command": list(command), "cwd": str(cwd), "env": dict(env)}
            request |= {"stdout": out.name, "stderr": out.name if together else error.name}
            try:
                return subprocess.CompletedProcess(command, self._status(request), out.read(), error.read())
            except BaseException:  # a test that times out must leave neither the program nor a pending reply
                self.kill()
                raise

    def _status(self, request: dict) -> int:
        server = self._started()
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    def _started(self) -> subprocess.Popen:
        if self.server is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "start_new_session": True}
            env = os.environ | {"OMP_NUM_THREADS": "1"}
            self.server = subprocess.Popen([sys.executable, __file__, *self.modules], env=env, **pipes)
        return self.server

    def kill(self) -> None:
        """Kill the process and its children; the next program starts a new process."""
        if self.server is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.server.pid, signal.SIGKILL)
            self.server.communicate()
            self.server = None

    def stop(self) -> None:
        """Stop the process if it is running."""
        if self.server is not None:
            self.server.communicate()
            self.server = None


planning, jobs = Programs(PLANNING), Programs(JOBS)


def run_script(name: str, *arguments, cwd: Path) -> subprocess.CompletedProcess:
    """Run this project's `python -m workflow_scripts.<name>` in `cwd`, with one thread."""
    command = ["python", "-m", f"workflow_scripts.{name}", *map(str, arguments)]
    return jobs.run(command, cwd, os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})


def serve(modules: Sequence[str]) -> None:
    """Fork for each request on stdin; write its exit status to stdout."""
    for name in modules:
        __import__(name)
    assert not [name for name in sys.modules if name.partition(".")[0] in ("emospace", "workflow_scripts")]
    gc.freeze()  # garbage collection in a fork would copy the shared memory
    replies = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        if (pid := os.fork()) == 0:
            os._exit(status_of(become, **request))  # finalising the interpreter would copy the shared memory
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=replies, flush=True)


def status_of(program: Callable[..., None], **request) -> int:
    """Run a program, join its threads and run its exit handlers; return the exit status that Python would give."""
    try:
        program(**request)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if status and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def become(command: list[str], cwd: str, env: dict[str, str], stdout: str, stderr: str) -> None:
    """Set up this process as the program and run it."""
    import runpy

    for target, file in ((1, stdout), (2, stderr)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), target)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    if command[0] == "snakemake":
        sys.argv, sys.path[0] = command, str(Path(sys.executable).parent)
        sys.exit(sys.modules["snakemake.cli"].main())
    sys.argv, sys.path[0] = command[2:], cwd
    sys.path[1:1] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(sys.argv[1:])
