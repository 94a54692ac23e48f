"""Two ways to decode selected frames of a video: packet by packet with PyAV, or in one pass of the ffmpeg program."""

import re
import subprocess
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from emospace.core.errors import InputError
from emospace.media.opening import LOCAL, READING, source
from emospace.media.video import Video

PER_RUN = 2000  # frames per run of ffmpeg: an argument is limited to 128 KiB, and a frame takes about 30 bytes


class Miscounted(Exception):
    """The ffmpeg program failed to decode a frame, so its frame numbers are wrong from there on."""


def by_pyav(
    video: Video, indices: Sequence[int], threads: int = 1, complain: Callable[[str], object] = bool
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, I420 planes) for each of the sorted indices, decoding only the packets that they depend on.

    complain: called with a message if the decoder reports damage in one of these frames or their dependencies.
    """
    import av

    index_of = {stamp: i for i, stamp in enumerate(sorted(video.stamps))} if video.stamps else None
    needed, todo = _needed(video, indices), set(indices)
    with av.open(source(video.path), **READING) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = threads
        packets = (packet for packet in container.demux(stream) if packet.size)
        for count, (frame, since) in enumerate(_frames(stream.codec_context, packets, needed)):
            index = index_of.get(frame.pts) if index_of and frame else count
            # Frames that follow a keyframe in the file but are shown before it depend on the group before, which was
            # skipped: they look corrupt, and none of them was requested.
            if frame and frame.is_corrupt and not (index_of and (frame.pts or 0) < (since or 0)):
                complain("a frame is damaged")
            if frame and index in todo:
                todo.remove(index)
                yield index, planes(frame, video)
            if not todo:
                return


def _frames(decoder, packets, needed: Sequence[bool]):
    """Decode the needed packets; yield (frame, time stamp of the packet at which decoding began).

    A packet that cannot be decoded yields None as its frame, to keep the count.
    """
    running, since = False, None
    for packet, decode in zip(packets, needed, strict=False):
        if decode:
            since = since if running else packet.pts
            yield from ((frame, since) for frame in decoded(decoder, packet))
        elif running:
            yield from ((frame, since) for frame in decoded(decoder, None))  # frames still in the decoder
            decoder.flush_buffers()
        running = decode
    yield from ((frame, since) for frame in decoded(decoder, None))


def decoded(decoder, packet) -> list:
    """Frames of a packet, [None] if it cannot be decoded; for a packet of None, the frames still in the decoder."""
    import av

    try:
        return decoder.decode(packet)
    except av.FFmpegError:
        return [None] if packet else []


def _needed(video: Video, indices: Sequence[int]) -> np.ndarray:
    """Packets to decode, bool (count,): for each index, those from the keyframe before it on.

    Without reliable time stamps, all of them.
    """
    if video.stamps is None:
        return np.ones(video.count, bool)
    order = np.argsort(video.stamps, kind="stable")  # frame -> packet
    rank = np.argsort(order, kind="stable")  # packet -> frame
    needed = np.zeros(video.count, bool)
    for index in indices:
        packet = order[index]
        # A frame that follows a keyframe in the file but is shown before it may depend on the group before.
        starts = (k for k in reversed(video.keys[: bisect_right(video.keys, packet)]) if rank[k] <= index)
        needed[next(starts, 0) : packet + 1] = True
    return needed


def planes(frame, video: Video) -> np.ndarray:
    """A decoded frame as I420, uint8 (H * 3 / 2, W), cropped to even sides."""
    even = {"width": video.width // 2 * 2, "height": video.height // 2 * 2}
    return frame.to_ndarray(format="yuv420p", dst_color_range="MPEG", **even)


def by_ffmpeg(
    video: Video, indices: Sequence[int], threads: int = 1, complain: Callable[[str], object] = bool
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, I420 planes) for each of the sorted indices, in one pass of the ffmpeg program.

    complain: called with the program's first error message. Raises Miscounted at the end of a run whose frames may be
    the wrong ones.
    """
    for first in range(0, len(indices), PER_RUN):
        yield from _ffmpeg_run(video, indices[first : first + PER_RUN], threads, complain)


def ffmpeg_version() -> str:
    """Version of the ffmpeg program, for the sidecar. Raises InputError if it is not installed."""
    try:
        output = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as error:
        remedy = "install it (Debian: apt-get install ffmpeg), or set views: frames: extractor to pyav"
        raise InputError("ffmpeg", "the program is not installed", remedy) from error
    return output.split()[2]


def _ffmpeg_run(video: Video, indices: Sequence[int], threads: int, complain) -> Iterator[tuple[int, np.ndarray]]:
    width, height = video.width // 2 * 2, video.height // 2 * 2
    # Request the last frame too: it arrives only if all frames before it could be decoded.
    requested = sorted({*indices, video.count - 1})
    with tempfile.TemporaryFile() as log:
        # 1 MiB is the largest pipe that Linux grants: ffmpeg goes on decoding while this process encodes a frame.
        streams = {"stdout": subprocess.PIPE, "stderr": log, "pipesize": 1 << 20}
        with subprocess.Popen(command(video, requested, threads), **streams) as process:
            for index in requested:
                raw = process.stdout.read(width * height * 3 // 2)
                if len(raw) < width * height * 3 // 2:
                    raise Miscounted
                if index in indices:
                    yield index, np.frombuffer(raw, np.uint8).reshape(height * 3 // 2, width)
        log.seek(0)
        message = log.readline().decode(errors="replace")
        # Damage at the end alone means that the file is truncated, which its length shows.
        if message and damaged_packets(video) != (False, True):
            complain(re.sub(r"^\[[^]]*\] *", "", message).strip())  # without the decoder's address in memory


def damaged_packets(video: Video) -> tuple[bool, bool]:
    """Decode everything; return (is any packet but the last damaged?, is the last one?)."""
    import av

    clean = []
    with av.open(source(video.path), **READING) as container:
        stream = container.streams.video[0]
        for packet in [*(packet for packet in container.demux(stream) if packet.size), None]:
            clean.append(all(frame and not frame.is_corrupt for frame in decoded(stream.codec_context, packet)))
    # A decoder that buffers frames returns the last ones when it is flushed.
    return not all(clean[:-2]), not all(clean[-2:])


def command(video: Video, indices: Sequence[int], threads: int = 1) -> list[str]:
    """Build the ffmpeg command that writes the frames of these indices to a pipe, as I420, and stops after the last."""
    import ffmpeg

    stream = ffmpeg.input(source(video.path), threads=threads, noautorotate=None, **LOCAL)
    selected = stream.video.filter("select", _any_of(indices))
    # Without evenly spaced time stamps, ffmpeg would repeat frames to fill the gaps.
    timed = selected.filter("setpts", "N/FRAME_RATE/TB")
    even = (
        timed.filter("scale", video.width // 2 * 2, video.height // 2 * 2)
        if video.width % 2 or video.height % 2
        else timed
    )
    output = even.output("pipe:", format="rawvideo", pix_fmt="yuv420p", vframes=len(indices))
    return output.global_args("-nostdin", "-v", "error").compile()


def _any_of(numbers: Sequence[int]) -> str:
    """An ffmpeg expression of n that is true for these sorted numbers: a search tree, as ffmpeg rejects long sums."""
    if len(numbers) == 1:
        return f"eq(n,{numbers[0]})"
    half = len(numbers) // 2
    return f"if(lt(n,{numbers[half]}),{_any_of(numbers[:half])},{_any_of(numbers[half:])})"


EXTRACTORS = {"ffmpeg": by_ffmpeg, "pyav": by_pyav}
