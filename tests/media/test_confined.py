"""Child processes return results in order and within limits; a child that dies loses one result."""

import faulthandler
import os
import signal
import time

import numpy as np
import pytest

from emospace.core.errors import InputError
from emospace.media import confined
from emospace.media.confined import Failure


def work(file: str) -> bytes:
    """Behave as the name of the file says."""
    if file == "memory":
        np.empty(2**29)  # 4 GiB, of which none is touched
    if file == "crash":
        faulthandler.disable()  # pytest's, which would write the stack to the terminal
        os.kill(os.getpid(), signal.SIGSEGV)
    if file == "busy":
        while True:
            pass
    if file == "asleep":
        time.sleep(3600)
    if file == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if file == "input":
        raise InputError("a file", "a reason", "a remedy")
    if file == "bug":
        raise TypeError("a bug")
    if file == "slow":
        time.sleep(0.2)
    return f"{file} {os.getpid()}".encode()


def replies(files: list[str], workers: int = 1, size: int = 0) -> list:
    return list(confined.confined(work, files, lambda _: size, workers))


def names(results: list) -> list:
    return [reply if isinstance(reply, Failure) else reply.split()[0].decode() for reply in results]


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_from_a_few_children(workers):
    files = ["slow", *"abcdefgh"]
    results = replies(files, workers)
    assert names(results) == files
    children = {reply.split()[1] for reply in results}
    assert len(children) <= workers and str(os.getpid()).encode() not in children
    assert replies([]) == []


@pytest.mark.parametrize(
    ("file", "words"), [("memory", "more memory"), ("crash", "SIGSEGV"), ("busy", "1 s of CPU time")]
)
def test_a_bad_file_loses_only_its_own_result(monkeypatch, file, words):
    monkeypatch.setattr(confined, "SECONDS", 1)
    first, failure, last = replies(["a", file, "b"])
    assert names([first, last]) == ["a", "b"]
    assert words in failure.detail


def test_a_file_system_that_does_not_respond(monkeypatch):
    monkeypatch.setattr(confined, "SECONDS", 0)
    monkeypatch.setattr(confined, "BLOCKED", 0.5)
    _, failure, last = replies(["a", "asleep", "b"])
    assert "does not respond" in failure.detail and names([last]) == ["b"]


def test_a_large_file_may_take_much_memory():
    assert names(replies(["memory"], size=2**30)) == ["memory"]


def test_input_errors_and_bugs_reach_the_caller():
    with pytest.raises(InputError, match=r"a file: a reason\. a remedy"):
        replies(["a", "input"])
    with pytest.raises(RuntimeError, match="TypeError: a bug"):
        replies(["bug"])
    with pytest.raises(InputError, match="killed: the process that decoded it was killed"):
        replies(["killed"])


def test_no_child_outlives_the_work():
    results = confined.confined(work, ["a", "asleep"], lambda _: 0, 2)
    child = int(next(results).split()[1])
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
