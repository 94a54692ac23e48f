"""The frames view: K pictures per utterance, cropped to the speaker, one decode pass per video file.

Picture k of an utterance is the frame shown at the centre of the k-th of K equal slices of [start, end): frame
floor(t * fps) in order of presentation. Both extractors take exactly these frames.
"""

import io
import math
import subprocess
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emospace.errors import InputError
from emospace.manifest import Problem, Utterance
from emospace.provenance import atomic

if TYPE_CHECKING:
    import av

# Containers round their length: an index this little past the last frame means the last frame.
ROUNDING = 2  # frames
# Seeking restarts the decoder; below this many frames in between, decoding on is as fast.
SEEK_AFTER = 24  # frames
EPOCH = (1980, 1, 1, 0, 0, 0)  # zip needs a time; a fixed one keeps bytes stable


def indices(start: float, end: float, fps: Fraction, frames: int, count: int) -> list[int]:
    """Frame numbers of an utterance, increasing, without repetition; those past the end of the file left out.

    start, end in seconds; `frames` is K; `count` is the number of frames of the file.
    """
    centres = (start + (k + 0.5) * (end - start) / frames for k in range(frames))
    # Rounded to the microsecond first: in floating point a time can fall just short of its frame.
    wanted = (int(Fraction(round(t * 1e6), 10**6) * fps) for t in centres)
    inside = (min(n, count - 1) if n < count + ROUNDING else n for n in wanted)
    return sorted({n for n in inside if 0 <= n < count})


@dataclass(frozen=True)
class Video:
    """What must be known of a file before its frames can be chosen."""

    fps: Fraction
    count: int
    width: int
    height: int


def probe_ffmpeg(path: Path) -> Video:
    """Frame rate and number of frames, by ffprobe."""
    import ffmpeg

    try:
        found = ffmpeg.probe(str(path), select_streams="v:0", count_packets=None)["streams"]
    except ffmpeg.Error as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["ffprobe failed"]
        raise InputError(path, f"not a readable video ({reason[0]})", "restore it") from error
    if not found or not int(found[0].get("nb_read_packets", 0)):
        raise InputError(path, "holds no pictures", "restore it")
    stream = found[0]
    fps, count = Fraction(stream["avg_frame_rate"]), int(stream["nb_read_packets"])
    return Video(fps, count, int(stream["width"]), int(stream["height"]))


def decode_ffmpeg(path: Path, video: Video, wanted: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (frame number, RGB picture (H, W, 3) uint8) for the wanted frames, by one ffmpeg process.

    Raises InputError if ffmpeg shows fewer frames than it was asked for.
    """
    import ffmpeg

    pictures = ffmpeg.input(str(path)).video.filter("select", _expression(sorted(wanted)))
    command = pictures.output("pipe:", format="rawvideo", pix_fmt="rgb24", vsync="passthrough").compile()
    command[1:1] = ["-nostdin", "-v", "error"]
    shape = (video.height, video.width, 3)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            for number in sorted(wanted):
                raw = process.stdout.read(math.prod(shape))
                if len(raw) < math.prod(shape):
                    said = process.stderr.read().decode(errors="replace").strip().splitlines() or ["no more frames"]
                    raise InputError(path, f"cannot be decoded to frame {number} ({said[-1]})", "restore it")
                yield number, np.frombuffer(raw, np.uint8).reshape(shape)
        finally:
            process.kill()  # nobody wants what comes after the last frame


def _expression(numbers: Sequence[int]) -> str:
    """A select expression for these frames, as a balanced tree: ffmpeg cannot parse a long flat sum."""
    if len(numbers) <= 2:
        return "+".join(f"eq(n,{n})" for n in numbers)
    middle = len(numbers) // 2
    return f"if(lt(n,{numbers[middle]}),{_expression(numbers[:middle])},{_expression(numbers[middle:])})"


def probe_pyav(path: Path) -> Video:
    """Frame rate and number of frames, by PyAV."""
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(path, "holds no pictures", "restore it")
            stream = container.streams.video[0]
            count = sum(packet.size > 0 for packet in container.demux(stream))
            if not count:
                raise InputError(path, "holds no pictures", "restore it")
            return Video(stream.average_rate, count, stream.width, stream.height)
    except av.FFmpegError as error:
        raise InputError(path, f"not a readable video ({error})", "restore it") from error


def decode_pyav(path: Path, video: Video, wanted: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (frame number, RGB picture (H, W, 3) uint8) for the wanted frames, skipping over what nobody wants.

    Skips only where the packets say reliably which frame is which; else counts frames from the start.
    """
    import av

    left = sorted(wanted)
    try:
        with av.open(str(path)) as container:
            table = _packets(container, container.streams.video[0])
        for seek in (table is not None, False):
            with av.open(str(path)) as container:
                for number, frame in _walk(container, table, left, seek):
                    yield number, frame.to_ndarray(format="rgb24")
                    left = left[left.index(number) + 1 :]
            if not left:
                return
    except av.FFmpegError as error:
        raise InputError(path, f"cannot be decoded ({error})", "restore it") from error


@dataclass(frozen=True)
class _Table:
    """Presentation times of all frames, in order, and the numbers of those that a decoder can start from."""

    times: np.ndarray
    keys: np.ndarray


def _packets(container: "av.container.InputContainer", stream: "av.VideoStream") -> _Table | None:
    """The table, or None where packets carry no times of their own (as in AVI with B-frames)."""
    packets = [(p.pts, p.is_keyframe) for p in container.demux(stream) if p.size]
    if any(pts is None for pts, _ in packets) or len({pts for pts, _ in packets}) < len(packets):
        return None
    packets.sort()
    return _Table(np.array([pts for pts, _ in packets]), np.flatnonzero([key for _, key in packets]))


def _walk(container, table: _Table | None, wanted: list[int], seek: bool) -> Iterator[tuple[int, "av.VideoFrame"]]:
    """Pair the wanted numbers with their frames, decoding forward and, if told so, seeking over long gaps.

    Ends early where a seek lands behind its aim (MPEG program streams have no index): seek no more then.
    """
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    decoder, at = container.decode(stream), -1
    for number in wanted:
        if seek and number - at > SEEK_AFTER:
            key = int(table.keys[np.searchsorted(table.keys, number, side="right") - 1])
            if key > at + SEEK_AFTER:
                container.seek(int(table.times[key]), stream=stream, backward=True)
                decoder = container.decode(stream)
        for frame in decoder:
            at = at + 1 if table is None else int(np.searchsorted(table.times, frame.pts))
            if at == number:
                yield number, frame
            if at >= number:
                break
        if at > number and seek:
            return


EXTRACTORS: dict[str, tuple[Callable, Callable]] = {
    "ffmpeg": (probe_ffmpeg, decode_ffmpeg),
    "pyav": (probe_pyav, decode_pyav),
}


def extract(
    root: Path,
    rows: Sequence[Utterance],
    problems: list[Problem],
    *,
    threads: int = 1,
    frames: int = 8,
    size: int = 224,
    quality: int = 90,
    extractor: str = "ffmpeg",
) -> dict[str, list[bytes]]:
    """JPEGs of every utterance, in order of time; none where the video is missing (see `problems`).

    frames: K. size: pixels of the shorter side after cropping (0 keeps it). quality: of the JPEG. extractor:
    "ffmpeg" or "pyav", the same frames; pyav seeks over gaps. threads: files decoded at once.
    """
    if extractor not in EXTRACTORS:
        raise InputError(f"extractor: {extractor}", "there is no such extractor", f"known: {', '.join(EXTRACTORS)}")
    files: dict[str, list[Utterance]] = defaultdict(list)
    for row in rows:
        if row.video:
            files[row.video].append(row)
    pictures: dict[str, list[bytes]] = {row.utterance: [] for row in rows}

    def one(name: str) -> tuple[dict[str, list[bytes]], list[Problem]]:
        return _file(root, name, files[name], EXTRACTORS[extractor], frames, size, quality)

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        for found, more in pool.map(one, sorted(files)):
            pictures.update(found)
            problems.extend(more)
    return pictures


def _file(root, name, rows, extractor, frames, size, quality) -> tuple[dict[str, list[bytes]], list[Problem]]:
    """Pictures and problems of the utterances of one video file."""
    probe, decode = extractor
    problems: list[Problem] = []
    try:
        video = probe(root / name)
        chosen = {row: indices(row.start, row.end, video.fps, frames, video.count) for row in rows}
        pictures = _pictures(decode, root / name, video, chosen, size, quality)
    except InputError as error:
        if extractor is not EXTRACTORS["pyav"]:
            # Damaged files: PyAV knows which frame is which by its time, so it saves what can be saved.
            return _file(root, name, rows, EXTRACTORS["pyav"], frames, size, quality)
        return {}, [Problem(r.utterance, name, "unreadable", error.reason, error.remedy) for r in rows]
    for row in rows:
        expected = len(indices(row.start, row.end, video.fps, frames, 1 << 60))
        if len(pictures[row.utterance]) < expected:
            found = len(pictures[row.utterance])
            reason = "truncated" if found else "no frames"
            detail = f"{found} of {expected} pictures; the video ends at {float(video.count / video.fps):.2f} s"
            problems.append(Problem(row.utterance, name, reason, detail, "restore the file or correct the times"))
    return pictures, problems


def _pictures(decode, path, video, chosen, size, quality) -> dict[str, list[bytes]]:
    """Decode on one thread, crop and compress on another: the decoder never waits for the encoder."""
    users: dict[int, list[Utterance]] = defaultdict(list)
    for row, numbers in chosen.items():
        for number in numbers:
            users[number].append(row)
    done: dict[str, list[Future]] = {row.utterance: [] for row in chosen}
    with ThreadPoolExecutor(1) as pool:
        for number, picture in decode(path, video, users) if users else ():
            for row in users[number]:
                done[row.utterance].append(pool.submit(_jpeg, picture, row.crop, size, quality))
    return {name: [future.result() for future in futures] for name, futures in done.items()}


def _jpeg(picture: np.ndarray, crop: str, size: int, quality: int) -> bytes:
    from PIL import Image

    image = Image.fromarray(picture)
    if crop:
        image = image.crop(tuple(map(int, crop.split())))
    if size:
        scale = size / min(image.size)
        target = tuple(max(round(side * scale), 1) for side in image.size)
        image = image.resize(target, Image.Resampling.BICUBIC, reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def write(path: Path, pictures: dict[str, list[bytes]]) -> None:
    """Write a frames view, atomically: a stored zip with entries <utterance>/<k>.jpg, equal bytes for equal frames."""
    with atomic(path) as tmp, zipfile.ZipFile(tmp, "w", zipfile.ZIP_STORED) as archive:
        for utterance, jpegs in pictures.items():
            for k, jpeg in enumerate(jpegs):
                archive.writestr(zipfile.ZipInfo(f"{utterance}/{k}.jpg", EPOCH), jpeg)


class Frames:
    """Reader of a frames view; opens the zip once."""

    def __init__(self, path: Path):
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(path, f"not a readable frames view ({error})", "delete it and run again") from error
        self._names: dict[str, list[str]] = defaultdict(list)
        for name in self._zip.namelist():
            self._names[name.rsplit("/", 1)[0]].append(name)

    def row(self, utterance: str) -> list[bytes]:
        """JPEGs of an utterance in order of time; [] where the modality is missing."""
        names = sorted(self._names.get(utterance, ()), key=lambda n: int(n.rsplit("/", 1)[1].removesuffix(".jpg")))
        return [self._zip.read(name) for name in names]

    def __enter__(self) -> "Frames":
        return self

    def __exit__(self, *_) -> None:
        self._zip.close()
