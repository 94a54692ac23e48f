"""The raw files of one part of a corpus, and their digests, as `index_part` reads and records them."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emospace.core.contracts import EVERY
from emospace.core.errors import InputError
from emospace.core.files_below import walk
from emospace.core.manifest import Problem
from emospace.core.provenance import sha256, write_digests
from emospace.plan.raw_files import ODD, part_of

Group = Callable[[str], int | None]


def listing(corpus: str, root: Path, part: int, parts: int, group: Group) -> tuple[list[str], list[Problem]]:
    """Files of a part, relative to the root, and problems: what is there but cannot be read as a file.

    Raises InputError if no file below the root belongs to the corpus.
    """
    remedy = f"set `corpora: {corpus}: root` in the config, or EMOSPACE_{corpus.upper()}, to its folder"
    if not root.is_dir():
        raise InputError(root, f"there is no such folder, so no corpus {corpus!r}", remedy)
    odd: dict[str, str] = {}
    groups = {path: group(path) for path, _ in walk(str(root), odd)}
    if all(g is None for g in groups.values()):
        raise InputError(root, f"none of its {len(groups)} files is one of {corpus!r}", remedy)
    mine = {path: why for path, why in odd.items() if part_of(path, range(parts), group) == part}
    problems = [Problem("", path, "unreadable", why, "mend or remove it") for path, why in sorted(mine.items())]
    return [path for path, g in groups.items() if g == EVERY or (g is not None and g % parts == part)], problems


def unreadable(problems: Iterable[Problem]) -> dict[str, str]:
    """Path -> fingerprint of what cannot be read as a file: the reason."""
    return {problem.file: ODD + problem.detail for problem in problems}


def digest_media(path: Path, root: Path, media: Iterable[str]) -> None:
    """Write the digests of media files in `sha256sum` format. Raises InputError for a name that it cannot hold."""
    from tqdm.auto import tqdm

    names = sorted(set(media) - {""})
    for name in names:
        if "\\" in name or len(name.splitlines()) != 1:
            raise InputError(repr(name), "its name holds a backslash or a line break", "rename the file")
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # hashing is bound by the disk
        hashed = pool.map(sha256, (root / name for name in names))
        digests = list(tqdm(hashed, path.stem, len(names), disable=None, unit="file"))
    write_digests(path, zip(names, digests, strict=True))
