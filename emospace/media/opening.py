"""Opening media files: what may be opened, what a decoder's failure means, how a reader says so."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

AGAIN = "copy it from the corpus again"
# Only local files: a media file that is really a playlist must not make the decoder fetch anything.
LOCAL = {"protocol_whitelist": "file"}
READING = {"options": LOCAL, "metadata_errors": "replace"}  # how PyAV opens a file
# What decoders and their bindings raise on bytes that they cannot make sense of (PyAV has a base class of its own).
DECODERS_RAISE = (OSError, RuntimeError, ValueError, EOFError, ArithmeticError, LookupError)


class MediaError(Exception):
    """Why a file or an interval is of no (or of limited) use; `reason` is one of emospace.core.manifest.REASONS."""

    def __init__(self, reason: str, detail: str, remedy: str):
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.remedy = reason, detail, remedy


def locate(root: Path, file: str) -> Path:
    """The path of a media file; a MediaError if it is absent or holds no bytes."""
    path = Path(root, file)
    if not path.is_file():
        raise MediaError("missing file", "the corpus has no such file", AGAIN)
    if not path.stat().st_size:
        raise MediaError("unreadable", "the file is empty", AGAIN)
    return path


def weight(path: Path) -> int:
    """Bytes that a file can tell something with: of a sparse file, some more than what its disk holds. 0 if absent.

    A file system that compresses holds less than the file has, one that does not count says 0 blocks.
    """
    try:
        status = path.stat()
    except OSError:  # whoever opens it says what is wrong
        return 0
    return min(status.st_size, 4 * 512 * status.st_blocks or status.st_size)


def source(path: Path) -> str:
    """What FFmpeg takes for a path: without the prefix, `a:b.avi` would name a protocol."""
    return f"file:{path}"


@contextlib.contextmanager
def decoding(wanted: str) -> Iterator[None]:
    """Turn what a decoder raises into a MediaError: the file is not `wanted`. Our own faults (TypeError ...) pass."""
    import av

    try:
        yield
    except (av.FFmpegError, *DECODERS_RAISE) as error:
        raise MediaError("unreadable", f"not {wanted} ({why(error)})", AGAIN) from error


@contextlib.contextmanager
def reports() -> Iterator[Callable[[], list[str]]]:
    """Yield a function that returns the errors FFmpeg's libraries have reported in this thread since its last call.

    Decoders conceal much damage: they return samples or pictures, raise nothing, and only log it.
    """
    import av

    level, skip = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # or the second of two files with one fault would pass for sound
    try:
        with av.logging.Capture() as logs:
            yield lambda: [text.strip() for level, _, text in _emptied(logs) if level <= av.logging.ERROR]
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skip)


def _emptied(found: list) -> list:
    taken, found[:] = found[:], []
    return taken


def why(error: Exception) -> str:
    """The reason that a decoder gives, without the path that some put in front of it."""
    said = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return said.rstrip(".") or type(error).__name__
