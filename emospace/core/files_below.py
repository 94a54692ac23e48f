"""List every file below a folder and survive anything in it: circular links, pipes, devices, names outside UTF-8."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Folder entries that may be listed again through links. n folders that link to their siblings have 2^n paths.
LINKED = 100_000
MEDIA = {".wav", ".flac", ".mp3", ".m4a", ".ogg", ".mp4", ".avi", ".mkv", ".mov", ".mpg", ".webm"}
NESTED = 8  # links on one path to a folder listed before; the kernel follows 40


def walk(root: str, odd: dict[str, str] | None = None) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the relative path and status of every file below root, in order, except hidden files.

    odd: filled with each entry that cannot be read as a file: path (bytes outside UTF-8 escaped) -> reason. This
    includes links to a parent folder, and folders with the suffix of a media file, which are entered all the same. A
    folder is entered through every link to it, until links have listed LINKED entries again or are nested NESTED deep.
    The first link that is skipped for this reason is added to `odd`; the others are skipped silently.
    """
    folders = _Folders(root, {} if odd is None else odd)
    todo = [("", _Trail(folders.above))]
    while todo:
        path, trail = todo.pop()
        status = folders.status(path)
        if status and stat.S_ISDIR(status.st_mode):
            todo += folders.enter(path, (status.st_dev, status.st_ino), trail)
        elif status and (why := _unreadable(os.path.join(root, path), path, status)):
            folders.odd[_plain(path)] = why
        elif status:
            yield path, status


class _Trail(NamedTuple):
    """The folders above an entry: device and inode of each, and how many were entered through links."""

    above: frozenset[tuple[int, int]]
    links: int = 0


class _Folders:
    """The folders below `root`. above: device and inode of the parent folders of `root`."""

    def __init__(self, root: str, odd: dict[str, str]):
        self.root, self.odd = root, odd
        parents = filter(Path.exists, Path(os.path.realpath(root)).parents)
        self.above = frozenset((s.st_dev, s.st_ino) for s in map(os.stat, parents))
        self.entered: set[tuple[int, int]] = set()
        self.again, self.full = 0, False  # entries listed again through links; was a link skipped for their number?

    def status(self, path: str) -> os.stat_result | None:
        try:
            return os.stat(os.path.join(self.root, path))
        except FileNotFoundError:
            return None  # a broken link: the reader of the corpus reports the missing file
        except OSError as error:
            self.odd[_plain(path) or "."] = f"its status cannot be read ({error.strerror})"
            return None

    def enter(self, path: str, this: tuple[int, int], trail: _Trail) -> list[tuple[str, _Trail]]:
        """Return (path, trail) of each entry of a folder, last first; nothing if the folder must not be entered."""
        if this in trail.above:
            self.odd[_plain(path) or "."] = "the link leads to a folder that contains it"
            return []
        if os.path.splitext(path)[1].lower() in MEDIA:
            self.odd[_plain(path)] = "it is a folder, not a file"
        links = trail.links + (bool(path) and os.path.islink(os.path.join(self.root, path)))
        again = links and this in self.entered
        if again and (self.again >= LINKED or links > NESTED):
            if not self.full:
                self.odd[_plain(path)] = "too many links lead here; this link and others like it are skipped"
            self.full = True
            return []
        names = self.names(path)
        self.again += len(names) if again else 0
        self.entered.add(this)
        below = _Trail(trail.above | {this}, links)
        return [(os.path.join(path, name), below) for name in reversed(names)]

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted, without hidden files."""
        try:
            return sorted(name for name in os.listdir(os.path.join(self.root, folder)) if not name.startswith("."))
        except OSError as error:
            self.odd[_plain(folder) or "."] = f"the folder cannot be opened ({error.strerror})"
            return []


def _plain(path: str) -> str:
    """Return a path as printable text, with bytes outside UTF-8 as \\xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _unreadable(full: str, path: str, status: os.stat_result) -> str:
    """Return why an entry other than a folder cannot be read as a file, or ""."""
    if not stat.S_ISREG(status.st_mode):  # opening a FIFO blocks, and reading /dev/zero never ends
        return "it is a pipe, a device or a socket, not a file"
    if _plain(path) != path:
        return "its name is not UTF-8"
    return "" if os.access(full, os.R_OK) else "its permissions forbid reading"
