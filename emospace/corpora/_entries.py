"""Resolve the media, ids and groups of a table's lines; shared by all readers of tables."""

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
    """An utterance as a table describes it. audio, video: relative to the root, or "".

    group: index of its speaker or session among those of the table, in order of their names; speakers who share a
    dialogue or a recording form one group. first: number of an earlier line with the same id, or 0. error: why it
    cannot be an utterance.
    """

    line: Line
    utterance: str
    audio: str
    video: str
    group: int = 0
    first: int = 0
    error: MediaError | None = None


def entries(lines: Sequence[Line], deal: str) -> list[Entry]:
    """One entry per line, in order. deal: "speaker" or "session", the unit that parts never split."""
    media = [_media(line) for line in lines]
    pairs = zip(lines, media, strict=True)
    numbers = _groups([_keys(line, audio, video, deal) for line, (audio, video, _) in pairs])
    resolved, seen = [], {}
    for line, (audio, video, error), group in zip(lines, media, numbers, strict=True):
        name = line.cells.get("utterance") or _default_id(line, audio or video)
        first = seen.setdefault(name, line.number) if name else line.number
        resolved.append(Entry(line, name, audio, video, group, first if first != line.number else 0, error))
    return resolved


def group_of(listed: Sequence[Entry], tables: Sequence[str]):
    """The `group` function of a corpus: maps a medium to its speakers' group, a table to EVERY, other paths to None."""
    groups = {path: entry.group for entry in listed for path in (entry.audio, entry.video) if path}
    groups |= dict.fromkeys(tables, EVERY)
    return groups.get


def _media(line: Line) -> tuple[str, str, MediaError | None]:
    """Audio and video of a line, relative to the root, and an error; a film in the column `path` is both."""
    try:
        audio, video = (_path(line, name) for name in ("path", "video"))
    except MediaError as error:
        return "", "", error
    if not video and PurePosixPath(audio).suffix.lower() in FILMS:
        video = audio
    return audio, video, None


def _path(line: Line, name: str) -> str:
    """Convert a path relative to the table's folder to one relative to the root. Raises MediaError outside the root."""
    cell = line.cells.get(name, "").replace("\\", "/")
    if not cell:
        return ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(line.file), cell))
    if _ABSOLUTE.match(cell) or path.split("/")[0] == "..":
        detail = f"{name} {cell!r} is outside the corpus folder"
        raise MediaError("bad line", detail, "move the file into that folder; write its path relative to the table")
    return path


def _default_id(line: Line, path: str) -> str:
    """The id of an utterance without one: its path, and its start if it has one."""
    start = line.cells.get("start", "")
    return path.removesuffix(PurePosixPath(path).suffix).replace("/", "_") + (f"_{start}" if start else "")


def _keys(line: Line, audio: str, video: str, deal: str) -> list[tuple[str, str]]:
    """Keys of a line; lines that share one belong to the same group."""
    cells = [(name, line.cells.get(name, "")) for name in dict.fromkeys((deal, "speaker", "dialogue"))]
    return [pair for pair in (*cells, ("medium", audio), ("medium", video)) if pair[1]] or [cells[0]]


def _groups(keys: Sequence[Sequence[tuple[str, str]]]) -> list[int]:
    """The group of each line: connected components of lines that share keys, numbered in order of their least key."""
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
