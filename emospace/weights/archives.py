"""Unpack regular files from untrusted .zip and .tar archives, and write nothing outside the target folder."""

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from emospace.core.errors import InputError

MOST_FILES, MOST_BYTES = 10_000, 8 * 2**30  # a model has about 20 files and at most a few GB
REMEDY = "do not use this archive"


def unpack(archive: Path, target: Path, folder: str = "") -> list[str]:
    """Unpack the files below `folder` into `target`; return their paths relative to it.

    folder: by default the single top-level folder, if there is one. Raises InputError, before writing anything, for a
    file that is not an archive, an absolute path, a path out of the folder, a link, a device, or contents of more than
    MOST_FILES or MOST_BYTES.
    """
    try:
        with _opened(archive) as opened:
            members = list(_members(opened))
            _check(archive, members)
            top = folder or _only_folder([name for name, *_ in members])
            files = [(PurePosixPath(name).relative_to(top), open_) for name, _, open_ in members if _below(name, top)]
            for path, open_ in files:
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                with open_() as packed, open(target / path, "wb") as plain:
                    shutil.copyfileobj(packed, plain)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        reason = f"not an intact .zip or .tar archive ({error or type(error).__name__})"
        raise InputError(archive.name, reason, "check `url` of these weights") from error
    return [str(path) for path, _ in files]


def _opened(archive: Path) -> zipfile.ZipFile | tarfile.TarFile:
    return zipfile.ZipFile(archive) if zipfile.is_zipfile(archive) else tarfile.open(archive)


def _members(opened: zipfile.ZipFile | tarfile.TarFile) -> Iterator[tuple[str, int, Callable[[], BinaryIO]]]:
    """Yield (name, unpacked size, function that opens it) of each member but folders; size -1 marks a special file."""
    if isinstance(opened, zipfile.ZipFile):
        for entry in opened.infolist():
            file_type = stat.S_IFMT(entry.external_attr >> 16)  # 0 if the archive was not written on Unix
            if not entry.is_dir():
                size = entry.file_size if file_type in (0, stat.S_IFREG) else -1
                yield entry.filename, size, lambda entry=entry: opened.open(entry)
    else:
        for entry in opened:
            if not entry.isdir():
                yield entry.name, entry.size if entry.isreg() else -1, lambda entry=entry: opened.extractfile(entry)


def _check(archive: Path, members: list[tuple]) -> None:
    for name, size, _ in members:
        if size < 0:
            raise InputError(archive.name, f"{name!r} is a link or a device", REMEDY)
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\\" in name or ":" in name:
            raise InputError(archive.name, f"{name!r} is a path outside the target folder", REMEDY)
    # Neither library unpacks more of a member than the size in its header.
    total = sum(size for _, size, _ in members)
    if len(members) > MOST_FILES or total > MOST_BYTES:
        raise InputError(archive.name, f"it holds {len(members)} files of {total} bytes in total", REMEDY)


def _only_folder(names: list[str]) -> str:
    """Return the single top-level folder, or "" if there is none."""
    tops = {PurePosixPath(name).parts[0] for name in names}
    return tops.pop() if len(tops) == 1 and all(len(PurePosixPath(name).parts) > 1 for name in names) else ""


def _below(name: str, top: str) -> bool:
    return PurePosixPath(name).is_relative_to(top) if top else True
