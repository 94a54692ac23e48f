"""Every file below a folder, whatever lies there: links in circles, pipes, devices, names that are not UTF-8."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Entries of folders that links show once more. Folders that link to each other sideways have 2^n ways through them.
LINKED = 100_000
MEDIA = {".wav", ".flac", ".mp3", ".m4a", ".ogg", ".mp4", ".avi", ".mkv", ".mov", ".mpg", ".webm"}
NESTED = 8  # links within links of which they do so: the kernel follows 40


def walk(root: str, odd: dict[str, str] | None = None) -> Iterator[tuple[str, os.stat_result]]:
    """Relative path and status of every file below root, in order, hidden ones (AppleDouble, .DS_Store) left out.

    odd: takes what is there and cannot be read as a file: its path (bytes that are not UTF-8 escaped) -> why not. A
    link to a folder above is odd, and a folder with the name of a medium (it is entered all the same). A folder is
    entered through each link that leads to it, until LINKED entries were shown again, or NESTED links deep: the first
    way that is left out is odd, and the others go without more words.
    """
    folders = _Folders(root, {} if odd is None else odd)
    todo = [("", _Way(folders.above))]
    while todo:
        path, way = todo.pop()
        status = folders.status(path)
        if status and stat.S_ISDIR(status.st_mode):
            todo += folders.enter(path, (status.st_dev, status.st_ino), way)
        elif status and (why := _unreadable(os.path.join(root, path), path, status)):
            folders.odd[_plain(path)] = why
        elif status:
            yield path, status


class _Way(NamedTuple):
    """How the walk came to a thing: device and inode of the folders above it, and how many of them are links."""

    above: frozenset[tuple[int, int]]
    links: int = 0


class _Folders:
    """The folders below `root`. above: device and inode of those that it lies in."""

    def __init__(self, root: str, odd: dict[str, str]):
        self.root, self.odd = root, odd
        parents = filter(Path.exists, Path(os.path.realpath(root)).parents)
        self.above = frozenset((s.st_dev, s.st_ino) for s in map(os.stat, parents))
        self.entered: set[tuple[int, int]] = set()
        self.again, self.full = 0, False  # entries that links showed again; was any left out for their number?

    def status(self, path: str) -> os.stat_result | None:
        try:
            return os.stat(os.path.join(self.root, path))
        except FileNotFoundError:
            return None  # a link may point nowhere: then the file is missing, and the reader says so
        except OSError as error:
            self.odd[_plain(path) or "."] = f"it cannot be looked at ({error.strerror})"
            return None

    def enter(self, path: str, this: tuple[int, int], way: _Way) -> list[tuple[str, _Way]]:
        """(path, way to it) of each thing in a folder, last first; nothing if the folder is odd."""
        if this in way.above:
            self.odd[_plain(path) or "."] = "the link leads to a folder that it lies in"
            return []
        if os.path.splitext(path)[1].lower() in MEDIA:
            self.odd[_plain(path)] = "it is a folder, not a file"
        links = way.links + (bool(path) and os.path.islink(os.path.join(self.root, path)))
        again = links and this in self.entered
        if again and (self.again >= LINKED or links > NESTED):
            if not self.full:
                self.odd[_plain(path)] = "links lead here on too many ways; this one, and others like it, are left out"
            self.full = True
            return []
        names = self.names(path)
        self.again += len(names) if again else 0
        self.entered.add(this)
        below = _Way(way.above | {this}, links)
        return [(os.path.join(path, name), below) for name in reversed(names)]

    def names(self, folder: str) -> list[str]:
        """What is in a folder, sorted, without what is hidden."""
        try:
            return sorted(name for name in os.listdir(os.path.join(self.root, folder)) if not name.startswith("."))
        except OSError as error:
            self.odd[_plain(folder) or "."] = f"the folder cannot be opened ({error.strerror})"
            return []


def _plain(path: str) -> str:
    """A path as text that can be written: bytes that are not UTF-8 as \\xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _unreadable(full: str, path: str, status: os.stat_result) -> str:
    """Why something that is no folder cannot be read as a file, or ""."""
    if not stat.S_ISREG(status.st_mode):  # to open a FIFO waits for its other end, and /dev/zero never ends
        return "it is a pipe, a device or a socket, not a file"
    if _plain(path) != path:
        return "its name is not UTF-8"
    return "" if os.access(full, os.R_OK) else "it may not be read"
