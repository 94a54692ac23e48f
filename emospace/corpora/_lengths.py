"""How long recordings and films are, by their headers."""

import json
from collections.abc import Sequence
from pathlib import Path

from emospace.media import sound
from emospace.media.confined import Failure, confined
from emospace.media.opening import READING, MediaError, decoding, effective_size, locate, source

FILMS = {".mp4", ".avi", ".mkv", ".mov", ".mpg", ".flv"}
BY_LIBSNDFILE = {".wav", ".flac"}  # what it cannot open of these, nothing can


def lengths(root: Path, paths: Sequence[str]) -> dict[str, float | str]:
    """Path -> seconds of a recording or film, or why it gives none. Found out in a child: headers may say anything."""

    def work(path: str) -> bytes:
        try:
            return json.dumps(_seconds(locate(root, path))).encode()
        except MediaError as flaw:
            return json.dumps(flaw.detail).encode()

    replies = zip(paths, confined(work, paths, lambda path: effective_size(root / path)), strict=True)
    return {path: reply.detail if isinstance(reply, Failure) else json.loads(reply) for path, reply in replies}


def _seconds(path: Path) -> float:
    """Duration of a recording or film, from its header. Raises MediaError."""
    if path.suffix.lower() in FILMS:
        import av

        with decoding("a film"), av.open(source(path), **READING) as film:
            duration = film.duration / av.time_base if film.duration and film.streams.video else 0.0
    else:
        duration = _sound(path)
    if not duration > 0:
        raise MediaError("unreadable", "holds nothing", "download the clip again")
    return duration


def _sound(path: Path) -> float:
    """Of a recording that libsndfile cannot open, such as AAC, all samples are decoded."""
    try:
        return sound.seconds(path)
    except MediaError:
        if path.suffix.lower() in BY_LIBSNDFILE:
            raise
    found = sound.read(path)
    return len(found.wave) / found.rate
