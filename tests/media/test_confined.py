"""Work in children: in order, within limits, and a child that dies costs one result."""

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
    """Does what the name of the file says."""
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
    if file == "fault":
        raise TypeError("ours")
    if file == "slow":
        time.sleep(0.2)
    return f"{file} {os.getpid()}".encode()


def replies(files: list[str], workers: int = 1, size: int = 0) -> list:
    return list(confined.confined(work, files, lambda _: size, workers))


def names(found: list) -> list:
    return [reply if isinstance(reply, Failure) else reply.split()[0].decode() for reply in found]


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_from_a_few_children(workers):
    files = ["slow", *"abcdefgh"]
    found = replies(files, workers)
    assert names(found) == files
    children = {reply.split()[1] for reply in found}
    assert len(children) <= workers and str(os.getpid()).encode() not in children
    assert replies([]) == []


@pytest.mark.parametrize(
    ("file", "word"), [("memory", "more memory"), ("crash", "SIGSEGV"), ("busy", "1 s of processor time")]
)
def test_one_bad_file_costs_its_own_result(monkeypatch, file, word):
    monkeypatch.setattr(confined, "SECONDS", 1)
    first, failure, last = replies(["a", file, "b"])
    assert names([first, last]) == ["a", "b"]
    assert word in failure.detail


def test_a_file_system_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(confined, "SECONDS", 0)
    monkeypatch.setattr(confined, "BLOCKED", 0.5)
    _, failure, last = replies(["a", "asleep", "b"])
    assert "does not answer" in failure.detail and names([last]) == ["b"]


def test_a_large_file_may_need_much_memory():
    assert names(replies(["memory"], size=2**30)) == ["memory"]


def test_what_a_user_can_mend_and_faults_of_ours_come_through():
    with pytest.raises(InputError, match=r"a file: a reason\. a remedy"):
        replies(["a", "input"])
    with pytest.raises(RuntimeError, match="TypeError: ours"):
        replies(["fault"])
    with pytest.raises(InputError, match="killed: the process that decoded it was killed"):
        replies(["killed"])


def test_no_child_outlives_the_work():
    results = confined.confined(work, ["a", "asleep"], lambda _: 0, 2)
    child = int(next(results).split()[1])
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
