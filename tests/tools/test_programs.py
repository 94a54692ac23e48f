"""A program that runs in a fork of a preloaded process behaves as if started on its own."""

import os
import signal

import pytest
from _programs import PLANNING, Programs

SHOWN = """
import os, sys
print(os.getcwd(), sys.argv[1:], os.environ["GREETING"], "HOME" in os.environ, __name__, sep="|", flush=True)
print([name for name in sys.modules if name.startswith("emospace")], file=sys.stderr)
os.environ["GREETING"] = "changed"
sys.exit(STATUS)
"""


@pytest.fixture(scope="module")
def programs():
    server = Programs(PLANNING)
    yield server
    server.stop()


def test_a_fork_has_its_own_folder_arguments_environment_output_and_exit_status(programs, tmp_path):
    for status, folder in ((3, "one"), (0, "two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "shown.py").write_text(SHOWN.replace("STATUS", str(status)), encoding="utf-8")
        done = programs.run(["python", "-m", "shown", "a b"], tmp_path / folder, {"GREETING": "hello"})
        assert done.returncode == status
        assert done.stdout.splitlines() == [f"{tmp_path / folder}|['a b']|hello|False|__main__"]
        assert done.stderr.splitlines() == ["[]"]
        done = programs.run(["python", "-m", "shown"], tmp_path / folder, {"GREETING": "hello"}, together=True)
        assert done.stdout.endswith("|__main__\n[]\n") and not done.stderr


def test_errors_and_usage_reach_the_output(programs, tmp_path):
    done = programs.run(["snakemake", "--nonsense"], tmp_path, dict(os.environ))
    assert done.returncode and "unrecognized arguments: --nonsense" in done.stderr
    done = programs.run(["python", "-m", "nowhere"], tmp_path, dict(os.environ))
    assert done.returncode and "No module named nowhere" in done.stderr


def test_other_programs_are_not_forked(programs):
    assert not programs.can_run(["dvc", "status"]) and not programs.can_run(["python", "script.py"])


def test_a_program_that_is_interrupted_ends_and_its_answer_is_not_taken_for_that_of_the_next(tmp_path):
    server = Programs(("json",))
    (tmp_path / "endless.py").write_text("import time\n\ntime.sleep(600)")
    (tmp_path / "brief.py").write_text("print('done')")

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            server.run(["python", "-m", "endless"], tmp_path, dict(os.environ))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    done = server.run(["python", "-m", "brief"], tmp_path, dict(os.environ))
    assert (done.returncode, done.stdout) == (0, "done\n")
    server.stop()
