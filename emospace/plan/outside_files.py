"""Digests of files outside the workflow that options name: part of a recipe, so another content is another job."""

import hashlib
import os
from pathlib import Path

from emospace.core.errors import InputError
from emospace.core.provenance import canonical, read_json, sha256, write_json

SEEN = Path(".emospace/verified/files.json")  # not an artifact: time stamps and inodes are this machine's


def digests(paths: list[str], seen: Path = SEEN) -> dict[str, str]:
    """Path -> digest of the content of a file, or of all files of a folder and their names.

    A file is not read again as long as its size, time stamps and inode are those that it had then, as `seen` says.
    Raises InputError where there is none.
    """
    if not paths:
        return {}
    before = _remembered(seen)
    now: dict[str, list] = {}
    found = {path: _content(Path(path), before, now) for path in paths}
    if any(before.get(path) != stamp for path, stamp in now.items()):
        write_json(seen, before | now)
    return found


def _remembered(seen: Path) -> dict[str, list]:
    try:
        return read_json(seen) if seen.is_file() else {}
    except InputError:  # broken: everything is read again
        return {}


def _content(path: Path, before: dict, now: dict) -> str:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        listed = {str(file.relative_to(path)): _digest(file, before, now) for file in files}
        return hashlib.sha256(canonical(listed).encode()).hexdigest()
    if not path.is_file():
        raise InputError(path, "no such file or folder", "name it from the project's folder, or in full")
    return _digest(path, before, now)


def _digest(file: Path, before: dict, now: dict) -> str:
    stat, key = os.stat(file), str(file.absolute())
    stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    known = before.get(key, [None])
    now[key] = known if known[:-1] == stamp else [*stamp, sha256(file)]
    return now[key][-1]
