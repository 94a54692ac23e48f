"""Digests of files outside the workflow that options name: part of a recipe, so that a changed file reruns its jobs."""

import hashlib
import os
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import canonical, read_json, sha256, write_json

SEEN = Path(".emospace/verified/files.json")  # not an artifact: time stamps and inodes belong to one machine


def digests(paths: list[str], seen: Path = SEEN) -> dict[str, str]:
    """Return path -> digest of a file's content, or of the names and contents of all files in a folder.

    A file is not read again while its size, time stamps and inode equal those in the cache file `seen`.
    Raises InputError if a path does not exist.
    """
    if not paths:
        return {}
    before = _cached(seen)
    now: dict[str, list] = {}
    by_path = {path: _content(Path(path), before, now) for path in paths}
    if any(before.get(path) != stamp for path, stamp in now.items()):
        write_json(seen, before | now)
    return by_path


def _cached(seen: Path) -> dict[str, list]:
    try:
        return read_json(seen) if seen.is_file() else {}
    except InputError:  # a broken cache: read everything again
        return {}


def _content(path: Path, before: dict, now: dict) -> str:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        contents = {str(file.relative_to(path)): _digest(file, before, now) for file in files}
        return hashlib.sha256(canonical(contents).encode()).hexdigest()
    if not path.is_file():
        raise InputError(path, "no such file or folder", "give its path from the project's folder, or its full path")
    return _digest(path, before, now)


def _digest(file: Path, before: dict, now: dict) -> str:
    stat, key = os.stat(file), str(file.absolute())
    stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    known = before.get(key, [None])
    now[key] = known if known[:-1] == stamp else [*stamp, sha256(file)]
    return now[key][-1]
