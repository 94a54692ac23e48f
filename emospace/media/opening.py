"""Open media files safely, and turn decoders' failures into MediaErrors."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

AGAIN = "copy it from the corpus again"
# A playlist disguised as a media file must not make the decoder fetch anything.
LOCAL = {"protocol_whitelist": "file"}
READING = {"options": LOCAL, "metadata_errors": "replace"}  # arguments of av.open
# Exceptions of decoders and their bindings on invalid data (beside PyAV's own base class).
DECODERS_RAISE = (OSError, RuntimeError, ValueError, EOFError, ArithmeticError, LookupError)


class MediaError(Exception):
    """A file or an interval is unusable, in whole or in part; `reason` is one of emospace.core.manifest.REASONS."""

    def __init__(self, reason: str, detail: str, remedy: str):
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.remedy = reason, detail, remedy


def locate(root: Path, file: str) -> Path:
    """The path of a media file. Raises MediaError if it does not exist or is empty."""
    path = Path(root, file)
    if not path.is_file():
        raise MediaError("missing file", "no such file", AGAIN)
    if not path.stat().st_size:
        raise MediaError("unreadable", "the file is empty", AGAIN)
    return path


def effective_size(path: Path) -> int:
    """Bytes of content: for a sparse file, four times its bytes on disk at most. 0 if the file does not exist.

    The factor allows for file systems that compress; those that report no blocks count in full.
    """
    try:
        status = path.stat()
    except OSError:  # reported when the file is opened
        return 0
    return min(status.st_size, 4 * 512 * status.st_blocks or status.st_size)


def source(path: Path) -> str:
    """The path in FFmpeg's syntax: without the prefix, `a:b.avi` would name a protocol."""
    return f"file:{path}"


@contextlib.contextmanager
def decoding(expected: str) -> Iterator[None]:
    """Turn a decoder's exception into a MediaError: the file is not `expected`. Bugs (TypeError ...) pass through."""
    import av

    try:
        yield
    except (av.FFmpegError, *DECODERS_RAISE) as error:
        raise MediaError("unreadable", f"not {expected} ({message_of(error)})", AGAIN) from error


@contextlib.contextmanager
def reports() -> Iterator[Callable[[], list[str]]]:
    """Yield a function that returns the errors that FFmpeg has logged in this thread since the last call.

    Decoders conceal most damage: they return samples or frames, raise nothing, and only log an error.
    """
    import av

    level, skip = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # otherwise the second of two files with the same fault would pass as intact
    try:
        with av.logging.Capture() as logs:
            yield lambda: [text.strip() for level, _, text in _taken(logs) if level <= av.logging.ERROR]
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skip)


def _taken(entries: list) -> list:
    taken, entries[:] = entries[:], []
    return taken


def message_of(error: Exception) -> str:
    """The message of a decoder's exception, without the path that some of them prefix."""
    message = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return message.rstrip(".") or type(error).__name__
