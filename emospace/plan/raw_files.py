"""Detect changed raw files at planning time, by content, without reading everything each time.

For each part of a corpus, a small trigger file records the state of its raw files. It is an input of `index_part`; its
name contains a digest of its content and it is never rewritten, so another state is another input. A touched file is
read once and recognised as unchanged. The last known state of each file is kept in seen.json, which no job reads.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

from emospace.core import plugin
from emospace.core.contracts import EVERY
from emospace.core.errors import InputError
from emospace.core.files_below import walk
from emospace.core.provenance import canonical, read_json, sha256, write_json, write_once

# A file up to this size in bytes (annotations, transcripts) is hashed on first sight. A larger one (media) is
# identified by its size until its time stamp changes.
HASH_AT_SIGHT = 64 * 1024
TABLES = (".csv", ".tsv", ".parquet", ".yaml", ".csd")  # annotations, hashed whatever their size
SEEN = "seen.json"
SEE = "see Corpus in docs/contracts.md"
ODD = "unreadable: "  # prefix of the fingerprint of an entry that cannot be read as a file


def fingerprint(path: Path) -> str:
    """Return a cheap fingerprint of a file: its digest, or the size of a large file."""
    size = path.stat().st_size
    return f"size {size}" if _large(str(path), size) else sha256(path)


def _large(path: str, size: int) -> bool:
    """Is a file identified by its size?"""
    return size > HASH_AT_SIGHT and not path.lower().endswith(TABLES)


def _state(root: str, path: str, status: os.stat_result, seen: list | None, published: dict, generated: dict) -> list:
    """Return [size, time stamp, fingerprint]; read the file only if it may have changed."""
    stamp = [status.st_size, status.st_mtime_ns]
    by_size = seen and seen[2].startswith("size")
    if seen and seen[:2] == stamp and not (by_size and path in generated):
        return seen
    if seen is None and _large(path, status.st_size) and path not in published | generated:
        return [*stamp, f"size {status.st_size}"]
    digest = sha256(Path(root, path))
    unchanged = by_size and path not in generated and digest == published.get(path)
    return [*stamp, seen[2] if unchanged else digest]


def changed(root: Path, recorded: dict[str, str], seen: dict[str, list]) -> str:
    """Return a file that differs from its recorded fingerprint, or was added or removed since; "" if there is none.

    recorded: path -> fingerprint. seen: path -> state from `look`; a file is read only if its state does not decide.
    """
    if added_or_removed := recorded.keys() ^ seen.keys():
        return min(added_or_removed)
    differ = (path for path in sorted(seen) if seen[path][2] != recorded[path])
    return next((path for path in differ if not _matches(root / path, recorded[path], seen[path][2])), "")


def _matches(path: Path, recorded: str, now: str) -> bool:
    if now.startswith(ODD):
        return False  # opening it could block for ever
    return recorded == (f"size {path.stat().st_size}" if recorded.startswith("size") else sha256(path))


def agrees(recorded: dict[str, str], now: dict[str, str]) -> bool:
    """Do the raw files match those of an indexed part, as far as fingerprints show without reading?

    recorded: path -> fingerprint in the part's sidecar; now: path -> current fingerprint. A file that is still
    identified by its size has not changed since its digest was recorded (see `_state`).
    """
    return recorded.keys() == now.keys() and all(
        now[path] == then or (now[path].startswith("size") and not then.startswith("size"))
        for path, then in recorded.items()
    )


def look(
    root: str,
    state: Path,
    group: Callable[[str], int | None],
    published: dict,
    generated: dict,
    odd: dict | None = None,
) -> dict[str, list]:
    """Return path -> state of each raw file below root that belongs to a group; store the states unless there are none.

    Entries that `walk` reports as unreadable have a state too, because their lines in the quality table must come and
    go with them. published: path -> digest when last indexed, to recognise media that were merely touched. generated:
    path -> digest in a generated corpus. odd: as in `walk`.
    """
    seen, odd = remembered(state), {} if odd is None else odd
    files = ((path, status) for path, status in walk(root, odd) if group(path) is not None)
    now = {path: _state(root, path, status, seen.get(path), published, generated) for path, status in files}
    now |= {path: [-1, 0, ODD + reason] for path, reason in odd.items()} if now else {}
    if now and now != seen:
        write_json(state / SEEN, now)
    return now


def remembered(state: Path) -> dict[str, list]:
    """Return the states that `look` stored last."""
    return read_json(state / SEEN) if (state / SEEN).exists() else {}


def part_of(path: str, parts: Sequence, group: Callable[[str], int | None]):
    """Return the part to which a path belongs: the first for a path in no group (a folder) or in every group."""
    return parts[max(0, group(path) or 0) % len(parts)]


def grouping(reader: ModuleType, root: Path, options: dict) -> Callable[[str], int | None]:
    """Return the function that maps a path to its group: the reader's `grouping` of the corpus, or its `group`.

    The function checks each result against the contract: an integer, or None.
    """
    file = plugin.file_of(reader)
    with plugin.blamed(file, "grouping()", SEE):
        by_reader = reader.grouping(root, **options) or reader.group

    def group(path: str) -> int | None:
        with plugin.blamed(file, f"group({path!r})", f"return None for a file of no group; {SEE}"):
            number = by_reader(path)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            raise InputError(file, f"group({path!r}) returned {number!r:.80}", f"return an integer or None; {SEE}")
        return number

    return group


def by_part(
    now: dict[str, list], parts: list[str], group: Callable[[str], int | None], generated: dict[str, str]
) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Yield (part, path -> fingerprint of each of its files, content of its trigger).

    The trigger leaves out files of a generated corpus that are unchanged, so generating the corpus changes no trigger;
    it includes those that are missing.
    """
    files: dict[str, dict[str, str]] = {part: {} for part in parts}
    for path, (_, _, print_) in now.items():
        for part in parts if group(path) == EVERY else [part_of(path, parts, group)]:
            files[part][path] = print_
    lost: dict[str, dict[str, str]] = {part: {} for part in parts}
    for path in generated.keys() - now.keys() if now else ():
        lost[part_of(path, parts, group)][path] = "missing"
    for part in parts:
        yield part, files[part], lost[part] | {p: k for p, k in files[part].items() if generated.get(p) != k}


def trigger(state: Path, part: str, content: dict[str, str]) -> Path:
    """Return the trigger file with this content, written if it does not exist."""
    return write_once(state, part, canonical(content))
