"""Notice changed raw files while the workflow is planned, by content, without reading everything each time.

Per part of a corpus a small trigger file says in which state its raw files are. It is an input of `index_part`, is
named by its content and never rewritten: another state is another input. A touched file is read once more and found
unchanged. What was seen of each file is kept in seen.json, for the next look alone: no job reads it.
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

# Below this size (bytes) a file is hashed when first seen (annotations, transcripts); a larger one (media) is
# known by its size until its time stamp moves.
HASH_AT_SIGHT = 64 * 1024
TABLES = (".csv", ".tsv", ".parquet", ".yaml")  # annotations of any size
SEEN = "seen.json"
SEE = "see Corpus in docs/contracts.md"
ODD = "unreadable: "  # what cannot be read as a file is known by the reason


def fingerprint(path: Path) -> str:
    """What a file is known by without reading much: its digest, or of a larger one its size."""
    size = path.stat().st_size
    return f"size {size}" if _large(str(path), size) else sha256(path)


def _large(path: str, size: int) -> bool:
    """Is a file known by its size?"""
    return size > HASH_AT_SIGHT and not path.lower().endswith(TABLES)


def _state(root: str, path: str, status: os.stat_result, seen: list | None, published: dict, made: dict) -> list:
    """[size, time stamp, what the content is known by]; reads the file only if it may have changed."""
    stamp = [status.st_size, status.st_mtime_ns]
    by_size = seen and seen[2].startswith("size")
    if seen and seen[:2] == stamp and not (by_size and path in made):
        return seen
    if seen is None and _large(path, status.st_size) and path not in published | made:
        return [*stamp, f"size {status.st_size}"]
    digest = sha256(Path(root, path))
    unchanged = by_size and path not in made and digest == published.get(path)
    return [*stamp, seen[2] if unchanged else digest]


def changed(root: Path, recorded: dict[str, str], seen: dict[str, list]) -> str:
    """A file that is not as it was recorded (path -> fingerprint), or that came or went since; "" if there is none.

    seen: path -> state as `refresh` found it; a file is read only if that does not tell.
    """
    if other := recorded.keys() ^ seen.keys():
        return min(other)
    differ = (path for path in sorted(seen) if seen[path][2] != recorded[path])
    return next((path for path in differ if not _is(root / path, recorded[path], seen[path][2])), "")


def _is(path: Path, known: str, now: str) -> bool:
    if now.startswith(ODD):
        return False  # to open it could take for ever
    return known == (f"size {path.stat().st_size}" if known.startswith("size") else sha256(path))


def agrees(recorded: dict[str, str], states: dict[str, str]) -> bool:
    """Are these raw files those that a part of the manifest was made from, as far as `refresh` knows without reading?

    recorded: path -> what the part's sidecar says of a file; states: path -> what it is known by now. A medium that is
    known by its size is as it was when its digest was recorded (see `_state`).
    """
    return recorded.keys() == states.keys() and all(
        states[path] == then or (states[path].startswith("size") and not then.startswith("size"))
        for path, then in recorded.items()
    )


def look(
    root: str, state: Path, group: Callable[[str], int | None], published: dict, made: dict, odd: dict | None = None
) -> dict[str, list]:
    """Path -> state of each raw file below root that belongs to a group; remembered for the next look unless none does.

    Among files, what `walk` finds odd has a state too: its line in the quality table has to come and go with it.
    published: path -> digest as last indexed, to recognise media that were merely touched. made: path -> digest
    of a generated corpus. odd: as in `walk`.
    """
    seen, odd = remembered(state), {} if odd is None else odd
    files = ((path, status) for path, status in walk(root, odd) if group(path) is not None)
    now = {path: _state(root, path, status, seen.get(path), published, made) for path, status in files}
    now |= {path: [-1, 0, ODD + why] for path, why in odd.items()} if now else {}
    if now and now != seen:
        write_json(state / SEEN, now)
    return now


def remembered(state: Path) -> dict[str, list]:
    """What the last look found that found any file."""
    return read_json(state / SEEN) if (state / SEEN).exists() else {}


def part_of(path: str, parts: Sequence, group: Callable[[str], int | None]):
    """The one of `parts` that a path belongs to: the first, where it is of no group (a folder) or of every one."""
    return parts[max(0, group(path) or 0) % len(parts)]


def grouping(reader: ModuleType, root: Path, options: dict) -> Callable[[str], int | None]:
    """Path -> number of its group, by what a reader knows of the corpus at `root`, or by the path alone.

    The function holds what it gets to the contract: a whole number, or None.
    """
    file = plugin.file_of(reader)
    with plugin.blamed(file, "grouping()", SEE):
        asked = reader.grouping(root, **options) or reader.group

    def group(path: str) -> int | None:
        with plugin.blamed(file, f"group({path!r})", f"return None for a file of no group; {SEE}"):
            found = asked(path)
        if found is not None and (isinstance(found, bool) or not isinstance(found, int)):
            raise InputError(file, f"group({path!r}) gave {found!r:.80}", f"it must be a whole number or None; {SEE}")
        return found

    return group


def by_part(
    now: dict[str, list], parts: list[str], group: Callable[[str], int | None], made: dict[str, str]
) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """(part, path -> what each of its files is known by, content of its trigger).

    Files of a generated corpus that are as they were made do not show in the trigger, so that generating it is no
    change; one of them that is missing does.
    """
    files: dict[str, dict[str, str]] = {part: {} for part in parts}
    for path, (_, _, known) in now.items():
        for part in parts if group(path) == EVERY else [part_of(path, parts, group)]:
            files[part][path] = known
    lost: dict[str, dict[str, str]] = {part: {} for part in parts}
    for path in made.keys() - now.keys() if now else ():
        lost[part_of(path, parts, group)][path] = "missing"
    for part in parts:
        yield part, files[part], lost[part] | {p: k for p, k in files[part].items() if made.get(p) != k}


def trigger(state: Path, part: str, content: dict[str, str]) -> Path:
    """The trigger file of that content."""
    return write_once(state, part, canonical(content))
