"""Work on files that nobody vouches for, in child processes with limits of memory and time.

A damaged or hostile file can crash a decoder, keep it busy for ever, or make it ask for all memory. In a child that
costs the result for this file, and the next file gets a new child. A child costs 10 ms; it serves many files.
"""

import contextlib
import ctypes
import json
import multiprocessing
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from emospace.core.errors import InputError

# A sound recording of any size needs a multiple of its bytes; a small file that needs more than this is lying.
MEMORY, MEMORY_PER_BYTE = 3 * 2**29, 12
# Seconds of processor time: they do not depend on what else the machine does. Decoders read some 10 MB a second.
SECONDS, BYTES_PER_SECOND = 8, 2**18
BLOCKED = 600  # further seconds by the clock, for a file system that does not answer
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Failure:
    """Why there is no result: the child ran into a limit, or crashed."""

    detail: str


def confined(
    work: Callable[[str], bytes], files: Sequence[str], size: Callable[[str], int], workers: int = 1
) -> Iterator[bytes | Failure]:
    """Yield `work(file)` for each file, in order, from `workers` children forked from this process.

    size: bytes of a file; the limits grow with them. Raises the InputError that `work` raises, and RuntimeError with
    the child's traceback for any other exception but MemoryError.
    """
    children = [_Child(work, files, size) for _ in range(min(max(1, workers), len(files)))]
    todo, found = list(reversed(range(len(files)))), {}
    try:
        for number in range(len(files)):
            while number not in found:
                for child in children:
                    # Children may be ahead by a few results, not by all of them: those wait in memory.
                    if child.item is None and todo and todo[-1] <= number + 2 * len(children):
                        child.begin(todo.pop())
                found.update(_finished(children))
            yield _checked(found.pop(number))
    finally:
        for child in children:
            child.end()


def _finished(children: "Sequence[_Child]") -> Iterator[tuple[int, bytes | Failure]]:
    """(number, reply) of each child that is done, or too late; waits for the first of them."""
    busy = {child.pipe: child for child in children if child.item is not None}
    left = min(child.deadline for child in busy.values()) - time.monotonic()
    ready = wait(list(busy), max(0.0, left))
    for pipe, child in busy.items():
        if pipe in ready or time.monotonic() >= child.deadline:
            yield child.item, child.reply(pipe in ready)


def _checked(reply: bytes | Failure) -> bytes | Failure:
    """What the child's work returned; raises what it raised."""
    if isinstance(reply, Failure):
        return reply
    kind, content = reply[:1], reply[1:]
    if kind == b"I":
        raise InputError(*json.loads(content))
    if kind == b"X":
        raise RuntimeError(content.decode())
    return Failure("decoding it needs more memory than a sound file of its size") if kind == b"M" else content


class _Child:
    """A forked process that does one file at a time; `item` is the number of that which it works on, or None."""

    def __init__(self, work: Callable[[str], bytes], files: Sequence[str], size: Callable[[str], int]):
        self.work, self.files, self.size = work, files, size
        self.item: int | None = None
        self.deadline = float("inf")
        self._fork()

    def _fork(self) -> None:
        # Forked, not spawned: the child has the list of files and all modules at once. None of the threads that this
        # process may run holds a lock that the child takes.
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        serve = (theirs, os.getpid(), self.work, self.files, self.size)
        self.process = context.Process(target=_serve, args=serve, daemon=True)
        self.process.start()
        theirs.close()

    def begin(self, item: int) -> None:
        self.item = item
        self.deadline = time.monotonic() + BLOCKED + 10 * _seconds(self.size(self.files[item]))
        with contextlib.suppress(BrokenPipeError):  # it died between two items: reply() will say so
            self.pipe.send_bytes(b"%d" % item)

    def reply(self, ready: bool) -> bytes | Failure:
        """What it sent, or why it did not; in that case another child is ready afterwards."""
        item, self.item = self.item, None
        with contextlib.suppress(EOFError, ConnectionError):
            if ready:
                return self.pipe.recv_bytes()
        if not ready:
            self.process.kill()
        self.process.join()
        died, seconds = -(self.process.exitcode or 0), _seconds(self.size(self.files[item]))
        self.pipe.close()
        self._fork()
        if not ready:
            return Failure("reading it took too long: the file system does not answer")
        if died in (signal.SIGKILL, signal.SIGTERM):  # from outside: what the file holds was not the cause
            raise InputError(self.files[item], "the process that decoded it was killed", "give the job more memory")
        if died == signal.SIGXCPU:
            return Failure(f"decoding it took more than {seconds} s of processor time")
        return Failure(f"the decoder crashed ({signal.Signals(died).name if died > 0 else 'it ended'})")

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _seconds(size: int) -> int:
    return SECONDS + size // BYTES_PER_SECOND


def _serve(pipe: Connection, parent: int, work: Callable, files: Sequence[str], size: Callable) -> None:
    """The child: limits itself and does a file, until the pipe is closed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its children
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(EOFError, ConnectionError):
        while os.getppid() == parent:
            file = files[int(pipe.recv_bytes())]
            _limit(size(file))
            pipe.send_bytes(_done(work, file))


def _done(work: Callable[[str], bytes], file: str) -> bytes:
    try:
        return b"R" + work(file)
    except InputError as error:
        return b"I" + json.dumps([error.file, error.reason, error.remedy]).encode()
    except MemoryError:
        return b"M"
    except Exception:
        return b"X" + traceback.format_exc().encode(errors="backslashreplace")


def _memory(size: int) -> int:
    return max(MEMORY, MEMORY_PER_BYTE * size)


def _limit(size: int) -> None:
    """Limit this process, and programs that it will run, for a file of `size` bytes."""
    with open("/proc/self/statm", encoding="ascii") as handle:
        address_space = int(handle.read().split()[0]) * resource.getpagesize()
    used = resource.getrusage(resource.RUSAGE_SELF)
    _soft(resource.RLIMIT_AS, address_space + _memory(size))
    _soft(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + _seconds(size))


def _soft(kind: int, limit: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
