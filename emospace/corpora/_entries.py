"""What lines of a table are about: their media, ids and groups. Whoever reads a table shares this."""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from emospace.core.contracts import EVERY
from emospace.corpora._csv import Line
from emospace.corpora._lengths import FILMS
from emospace.media.opening import MediaError

_ABSOLUTE = re.compile(r"/|[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Entry:
    """An utterance as a table tells of it. audio, video: relative to the root, or ""; first: line of the same id.

    group: number of its speaker, or session, among those of the table, in the order of their names; those who share a
    dialogue or a recording are one group. flaw: why it cannot be an utterance.
    """

    line: Line
    utterance: str
    audio: str
    video: str
    group: int = 0
    first: int = 0
    flaw: MediaError | None = None


def entries(lines: Sequence[Line], deal: str) -> list[Entry]:
    """One per line, in order. deal: "speaker" or "session", the unit that no part cuts."""
    placed = [_placed(line) for line in lines]
    pairs = zip(lines, placed, strict=True)
    numbers = _groups([_shared(line, audio, video, deal) for line, (audio, video, _) in pairs])
    found, seen = [], {}
    for line, (audio, video, flaw), group in zip(lines, placed, numbers, strict=True):
        name = line.cells.get("utterance") or _named(line, audio or video)
        first = seen.setdefault(name, line.number) if name else line.number
        found.append(Entry(line, name, audio, video, group, first if first != line.number else 0, flaw))
    return found


def group_of(found: Sequence[Entry], tables: Sequence[str]):
    """The `group` of a corpus: path -> group of those who speak there, EVERY of a table, None of all else."""
    groups = {path: entry.group for entry in found for path in (entry.audio, entry.video) if path}
    groups |= dict.fromkeys(tables, EVERY)
    return groups.get


def _placed(line: Line) -> tuple[str, str, MediaError | None]:
    """Sound and film of a line, relative to the root; a film that is given as `path` is both."""
    try:
        audio, video = (_path(line, name) for name in ("path", "video"))
    except MediaError as flaw:
        return "", "", flaw
    if not video and PurePosixPath(audio).suffix.lower() in FILMS:
        video = audio
    return audio, video, None


def _path(line: Line, name: str) -> str:
    """A path relative to the folder of the table, as one relative to the root. Raises MediaError outside of it."""
    cell = line.cells.get(name, "").replace("\\", "/")
    if not cell:
        return ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(line.file), cell))
    if _ABSOLUTE.match(cell) or path.split("/")[0] == "..":
        detail = f"{name} {cell!r} leads out of the corpus's folder"
        raise MediaError("bad line", detail, "move the file below that folder, and give its path from the table on")
    return path


def _named(line: Line, path: str) -> str:
    """The id of an utterance without one: its path, and where it is cut out of a recording, its start."""
    start = line.cells.get("start", "")
    return path.removesuffix(PurePosixPath(path).suffix).replace("/", "_") + (f"_{start}" if start else "")


def _shared(line: Line, audio: str, video: str, deal: str) -> list[tuple[str, str]]:
    """What joins a line to others in one group."""
    given = [(name, line.cells.get(name, "")) for name in dict.fromkeys((deal, "speaker", "dialogue"))]
    return [pair for pair in (*given, ("medium", audio), ("medium", video)) if pair[1]] or [given[0]]


def _groups(keys: Sequence[Sequence[tuple[str, str]]]) -> list[int]:
    """The group of each line: lines that share a key, by way of others too, are one. Numbered by their least key."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(key: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(key, key) != key:
            parent[key] = key = parent[parent[key]]
        return key

    for shared in keys:
        for other in shared:
            one, two = sorted((root(shared[0]), root(other)))
            parent[two] = one
    tops = [root(shared[0]) for shared in keys]
    least: dict[tuple[str, str], tuple[str, str]] = {}
    for top, shared in zip(tops, keys, strict=True):
        least[top] = min(shared[0], least.get(top, shared[0]))
    number = {top: k for k, top in enumerate(sorted(least, key=lambda top: least[top]))}
    return [number[top] for top in tops]
