"""Shared by corpora of acted clips: one clip per file, whose name encodes speaker, emotion and sentence."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emospace.core.manifest import Problem, Utterance
from emospace.corpora._lengths import FILMS, lengths

AGAIN = "download the clip again"


@dataclass(frozen=True)
class Clip:
    """The contents of a file name. `name` is the utterance's id, the same for a clip's recording and film."""

    name: str
    speaker: str
    label: str
    text: str = ""
    intensity: str = ""


Parse = Callable[[str], Clip | None]


def index(
    root: Path,
    files: Sequence[str],
    parse: Parse,
    codes: Mapping[str, str],
    genders: Mapping[str, str],
    *,
    language: str,
) -> tuple[list[Utterance], list[Problem]]:
    """One row per clip; of duplicates (many copies contain the corpus twice, nested), the one nearest to the root.

    genders: speaker -> "F" or "M". Unknown labels and files without a duration are problems.
    """
    clips: dict[str, Clip] = {}
    media: dict[str, dict[str, str]] = {}
    for path in sorted(files, key=lambda file: (file.count("/"), file)):
        if clip := parse(path):
            medium = "film" if PurePosixPath(path).suffix.lower() in FILMS else "sound"
            clips.setdefault(clip.name, clip)
            media.setdefault(clip.name, {}).setdefault(medium, path)
    seconds = lengths(Path(root), sorted(path for paths in media.values() for path in paths.values()))
    rows, problems = [], []
    for name, clip in sorted(clips.items()):
        row = _row(clip, media[name], seconds, codes, problems)
        if row:
            rows.append(Utterance(**row, gender=genders.get(clip.speaker, ""), language=language))
    return rows, problems


def _row(
    clip: Clip, media: Mapping[str, str], seconds: Mapping[str, float | str], codes: Mapping[str, str], problems: list
) -> dict | None:
    if clip.label not in codes:
        detail, remedy = f"unknown emotion code {clip.label!r}", f"the codes are {', '.join(codes)}"
        problems.append(Problem(clip.name, min(media.values()), "bad label", detail, remedy, True))
        return None
    good = {medium: path for medium, path in media.items() if not isinstance(seconds[path], str)}
    bad = sorted(set(media.values()) - set(good.values()))
    problems += [Problem(clip.name, path, "unreadable", str(seconds[path]), AGAIN, not good) for path in bad]
    if not good:
        return None
    audio, video = good.get("sound") or good["film"], good.get("film", "")
    names = {"utterance": clip.name, "dialogue": clip.name, "session": clip.speaker, "speaker": clip.speaker}
    times = {"start": 0.0, "end": seconds[audio], "whole": True, "scripted": True}
    content = {"text": clip.text, "label": clip.label, "intensity": clip.intensity}
    return names | times | content | {"audio": audio, "video": video, "crop": ""}


def missed(
    rows: Sequence[Utterance], codes: Mapping[str, str], labels: Mapping[str, int], speakers: int
) -> list[Problem]:
    """Compare the number of clips per label, of all clips and of speakers with the publication."""
    counts = Counter(row.label for row in rows)
    compared = [(f"clips of {codes[code]} ({code})", counts[code], n) for code, n in labels.items()]
    compared += [("clips", len(rows), sum(labels.values())), ("speakers", len({r.speaker for r in rows}), speakers)]
    remedy = "download the missing files again, or set `options: {expect_counts: false}` for a part of the corpus"
    return [
        Problem("", "", "count", f"{count} {items}, the publication has {published}", remedy)
        for items, count, published in compared
        if count != published
    ]
