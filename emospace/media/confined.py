"""Process untrusted files in child processes with limits on memory and time.

A damaged or hostile file can crash a decoder, hang it or exhaust memory. In a child process, only that file's result is
lost, and the next file gets a new child. Starting one takes 10 ms; it serves many files.
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

# Decoding takes memory in proportion to the file's size. A small file that asks for more has a false header.
MEMORY, MEMORY_PER_BYTE = 3 * 2**29, 12
# CPU time, which does not depend on the machine's load. Decoders read about 10 MB/s.
SECONDS, BYTES_PER_SECOND = 8, 2**18
BLOCKED = 600  # extra seconds of wall-clock time, for a file system that does not respond
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Failure:
    """Why a file has no result: its child hit a limit or crashed."""

    detail: str


def confined(
    work: Callable[[str], bytes], files: Sequence[str], size: Callable[[str], int], workers: int = 1
) -> Iterator[bytes | Failure]:
    """Yield `work(file)` for each file, in order, computed by `workers` children forked from this process.

    size: gives the bytes of a file, with which its limits grow. An InputError or a MemoryError of `work` is handled as
    such (the latter gives a Failure); any other exception becomes a RuntimeError with the child's traceback.
    """
    children = [_Child(work, files, size) for _ in range(min(max(1, workers), len(files)))]
    todo, results = list(reversed(range(len(files)))), {}
    try:
        for number in range(len(files)):
            while number not in results:
                for child in children:
                    # Results that arrive early wait in memory, so children may run ahead by a few files only.
                    if child.item is None and todo and todo[-1] <= number + 2 * len(children):
                        child.begin(todo.pop())
                results.update(_finished(children))
            yield _checked(results.pop(number))
    finally:
        for child in children:
            child.end()


def _finished(children: "Sequence[_Child]") -> Iterator[tuple[int, bytes | Failure]]:
    """Wait for a child; yield (item, reply) of each child that has finished or missed its deadline."""
    busy = {child.pipe: child for child in children if child.item is not None}
    left = min(child.deadline for child in busy.values()) - time.monotonic()
    ready = wait(list(busy), max(0.0, left))
    for pipe, child in busy.items():
        if pipe in ready or time.monotonic() >= child.deadline:
            yield child.item, child.reply(pipe in ready)


def _checked(reply: bytes | Failure) -> bytes | Failure:
    """Return the result of the child's work, or raise its exception."""
    if isinstance(reply, Failure):
        return reply
    status, content = reply[:1], reply[1:]
    if status == b"I":
        raise InputError(*json.loads(content))
    if status == b"X":
        raise RuntimeError(content.decode())
    return Failure("decoding needs more memory than an intact file of this size would") if status == b"M" else content


class _Child:
    """A forked process that handles one file at a time; `item` is the number of the current file, or None."""

    def __init__(self, work: Callable[[str], bytes], files: Sequence[str], size: Callable[[str], int]):
        self.work, self.files, self.size = work, files, size
        self.item: int | None = None
        self.deadline = float("inf")
        self._fork()

    def _fork(self) -> None:
        # Forked, not spawned: the child inherits the list of files and all imported modules. It takes no lock that
        # another thread of this process may hold.
        context = multiprocessing.get_context("fork")
        self.pipe, far_end = context.Pipe()
        arguments = (far_end, os.getpid(), self.work, self.files, self.size)
        self.process = context.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        far_end.close()

    def begin(self, item: int) -> None:
        self.item = item
        self.deadline = time.monotonic() + BLOCKED + 10 * _seconds(self.size(self.files[item]))
        with contextlib.suppress(BrokenPipeError):  # the child died between two items; reply() reports it
            self.pipe.send_bytes(b"%d" % item)

    def reply(self, ready: bool) -> bytes | Failure:
        """Return the child's reply, or the Failure that explains its absence; a dead child is replaced."""
        item, self.item = self.item, None
        with contextlib.suppress(EOFError, ConnectionError):
            if ready:
                return self.pipe.recv_bytes()
        if not ready:
            self.process.kill()
        self.process.join()
        number, seconds = -(self.process.exitcode or 0), _seconds(self.size(self.files[item]))
        self.pipe.close()
        self._fork()
        if not ready:
            return Failure("reading timed out: the file system does not respond")
        if number in (signal.SIGKILL, signal.SIGTERM):  # sent from outside: the file is not the cause
            raise InputError(self.files[item], "the process that decoded it was killed", "give the job more memory")
        if number == signal.SIGXCPU:
            return Failure(f"decoding took more than {seconds} s of CPU time")
        return Failure(f"the decoder crashed ({signal.Signals(number).name if number > 0 else 'the process exited'})")

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _seconds(size: int) -> int:
    return SECONDS + size // BYTES_PER_SECOND


def _serve(pipe: Connection, parent: int, work: Callable, files: Sequence[str], size: Callable) -> None:
    """Body of a child: limit its own resources and process one file after another until the pipe closes."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its children
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(EOFError, ConnectionError):
        while os.getppid() == parent:
            file = files[int(pipe.recv_bytes())]
            _limit(size(file))
            pipe.send_bytes(_reply(work, file))


def _reply(work: Callable[[str], bytes], file: str) -> bytes:
    """Run the work on a file; return a status byte (R, I, M or X) and the result or the error."""
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
    """Limit memory and CPU time of this process, and of the programs that it starts, for a file of `size` bytes."""
    with open("/proc/self/statm", encoding="ascii") as handle:
        address_space = int(handle.read().split()[0]) * resource.getpagesize()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _soft(resource.RLIMIT_AS, address_space + _memory(size))
    _soft(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime) + 1 + _seconds(size))


def _soft(limited: int, limit: int) -> None:
    hard = resource.getrlimit(limited)[1]
    resource.setrlimit(limited, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
