"""Durations of recordings and films, from their headers."""

import json
from collections.abc import Sequence
from pathlib import Path

from emospace.media import sound
from emospace.media.confined import Failure, confined
from emospace.media.opening import READING, MediaError, decoding, effective_size, locate, source

FILMS = {".mp4", ".avi", ".mkv", ".mov", ".mpg", ".flv"}
BY_LIBSNDFILE = {".wav", ".flac"}  # formats for which there is no second decoder


def lengths(root: Path, paths: Sequence[str]) -> dict[str, float | str]:
    """Map each path to its duration in seconds, or to an error message. Read in a child, as headers are untrusted."""

    def work(path: str) -> bytes:
        try:
            return json.dumps(_seconds(locate(root, path))).encode()
        except MediaError as error:
            return json.dumps(error.detail).encode()

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
        raise MediaError("unreadable", "its duration is zero", "download the clip again")
    return duration


def _sound(path: Path) -> float:
    """Duration of a recording; formats that libsndfile does not support, such as AAC, are decoded to the end."""
    try:
        return sound.seconds(path)
    except MediaError:
        if path.suffix.lower() in BY_LIBSNDFILE:
            raise
    recording = sound.read(path)
    return len(recording.wave) / recording.rate
