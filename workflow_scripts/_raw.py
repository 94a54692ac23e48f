"""Notice changed raw files while the workflow is planned, by content, without reading everything each time.

Per part of a corpus a small trigger file says in which state its raw files are; it is an input of `index_part`
and is rewritten only when that state changes. A touched file is read once more and found unchanged.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from emospace.provenance import canonical, read_json, sha256, write_json

# Below this size (bytes) a file is hashed when first seen (annotations, transcripts); a larger one (media) is
# known by its size until its time stamp moves.
HASH_AT_SIGHT = 64 * 1024


def walk(root: str) -> Iterator[tuple[str, os.stat_result]]:
    """Relative path and status of every file below root, hidden ones (AppleDouble, .DS_Store) left out."""
    for folder, subfolders, files in os.walk(root, followlinks=True):
        subfolders[:] = sorted(d for d in subfolders if not d.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                path = os.path.join(folder, name)
                if os.path.exists(path):  # a link may point nowhere: then the file is missing, and the reader says so
                    yield os.path.relpath(path, root), os.stat(path)


def fingerprint(path: Path) -> str:
    """What a file is known by without reading much: its digest, or of a larger one its size."""
    size = path.stat().st_size
    return f"size {size}" if size > HASH_AT_SIGHT else sha256(path)


def _state(root: str, path: str, stat: os.stat_result, seen: list | None, published: dict, made: dict) -> list:
    """[size, time stamp, what the content is known by]; reads the file only if it may have changed."""
    stamp = [stat.st_size, stat.st_mtime_ns]
    by_size = seen and seen[2].startswith("size")
    if seen and seen[:2] == stamp and not (by_size and path in made):
        return seen
    if seen is None and stat.st_size > HASH_AT_SIGHT and path not in published | made:
        return [*stamp, f"size {stat.st_size}"]
    digest = sha256(Path(root, path))
    unchanged = by_size and path not in made and digest == published.get(path)
    return [*stamp, seen[2] if unchanged else digest]


def changed(root: Path, recorded: dict[str, str], seen: dict[str, list]) -> str:
    """A file that is not as it was recorded (path -> fingerprint), or that came or went since; "" if there is none.

    seen: path -> state as `refresh` found it; a file is read only if that does not tell.
    """
    if odd := recorded.keys() ^ seen.keys():
        return min(odd)
    return next((p for p in sorted(seen) if seen[p][2] != recorded[p] and not _is(root / p, recorded[p])), "")


def _is(path: Path, known: str) -> bool:
    return known == (f"size {path.stat().st_size}" if known.startswith("size") else sha256(path))


def refresh(
    root: str,
    state: Path,
    parts: list[str],
    group: Callable[[str], int | None],
    published: dict[str, str],
    made: dict[str, str],
) -> None:
    """Bring the trigger files <state>/<part>.json up to date with the raw files below root.

    published: path -> digest as last indexed, to recognise media that were merely touched. made: path -> digest
    of a generated corpus; files that are as they were made do not show, so that generating it is not a change.
    """
    memory = state / "seen.json"
    seen = read_json(memory) if memory.exists() else {}
    now, triggers = {}, {part: {} for part in parts}
    for path, stat in walk(root):
        number = group(path)
        if number is not None:
            now[path] = _state(root, path, stat, seen.get(path), published, made)
            if made.get(path) != now[path][2]:
                triggers[parts[number % len(parts)]][path] = now[path][2]
    for path in made.keys() - now.keys() if now else ():
        triggers[parts[(group(path) or 0) % len(parts)]][path] = "missing"
    if now != seen:
        write_json(memory, now)
    for part, trigger in triggers.items():
        file = state / f"{part}.json"
        if not file.exists() or file.read_text(encoding="utf-8") != canonical(trigger):
            write_json(file, trigger)
