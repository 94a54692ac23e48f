"""Two ways to decode chosen pictures of a video: packet by packet, or in one pass of the ffmpeg program."""

import re
import subprocess
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from emospace.core.errors import InputError
from emospace.media.opening import LOCAL, READING, source
from emospace.media.video import Video

PER_RUN = 2000  # pictures per run of ffmpeg: one argument may hold 128 KiB, each picture takes some 30 bytes


class Miscounted(Exception):
    """The ffmpeg program could not decode some picture, so that its counting is off from there on."""


def by_pyav(
    video: Video, wanted: Sequence[int], threads: int = 1, complain: Callable[[str], object] = bool
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, I420 planes) of the wanted pictures (sorted), decoding only packets that they depend on.

    complain: called where the decoder reports damage in one of these or in what it depends on.
    """
    import av

    number = {stamp: i for i, stamp in enumerate(sorted(video.stamps))} if video.stamps else None
    needed, todo = _needed(video, wanted), set(wanted)
    with av.open(source(video.path), **READING) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = threads
        packets = (packet for packet in container.demux(stream) if packet.size)
        for shown, (frame, since) in enumerate(_frames(stream.codec_context, packets, needed)):
            index = number.get(frame.pts) if number and frame else shown
            # What a key picture leaves behind but is shown before it lacks the group before, which nobody asked for.
            if frame and frame.is_corrupt and not (number and (frame.pts or 0) < (since or 0)):
                complain("a picture is damaged")
            if frame and index in todo:
                todo.remove(index)
                yield index, planes(frame, video)
            if not todo:
                return


def _frames(decoder, packets, needed: Sequence[bool]):
    """Decode the needed packets: (frame, time stamp of the packet at which decoding began).

    A packet that cannot be decoded gives None for a frame, to keep the count.
    """
    running, since = False, None
    for packet, wanted in zip(packets, needed, strict=False):
        if wanted:
            since = since if running else packet.pts
            yield from ((frame, since) for frame in decoded(decoder, packet))
        elif running:
            yield from ((frame, since) for frame in decoded(decoder, None))  # what it still holds back
            decoder.flush_buffers()
        running = wanted
    yield from ((frame, since) for frame in decoded(decoder, None))


def decoded(decoder, packet) -> list:
    """Frames that a packet gives, [None] if it cannot be decoded; of no packet, those that are held back."""
    import av

    try:
        return decoder.decode(packet)
    except av.FFmpegError:
        return [None] if packet else []


def _needed(video: Video, wanted: Sequence[int]) -> np.ndarray:
    """Which packets to decode, bool (count,): for each wanted picture those from the key picture before it.

    Without trusted time stamps, all.
    """
    if video.stamps is None:
        return np.ones(video.count, bool)
    order = np.argsort(video.stamps, kind="stable")  # picture -> packet
    rank = np.argsort(order, kind="stable")  # packet -> picture
    needed = np.zeros(video.count, bool)
    for index in wanted:
        packet = order[index]
        # A picture that follows a key packet in the file but is shown before it may need the group before.
        starts = (k for k in reversed(video.keys[: bisect_right(video.keys, packet)]) if rank[k] <= index)
        needed[next(starts, 0) : packet + 1] = True
    return needed


def planes(frame, video: Video) -> np.ndarray:
    """A decoded picture as I420, uint8 (H * 3 / 2, W), with even sides."""
    even = {"width": video.width // 2 * 2, "height": video.height // 2 * 2}
    return frame.to_ndarray(format="yuv420p", dst_color_range="MPEG", **even)


def by_ffmpeg(
    video: Video, wanted: Sequence[int], threads: int = 1, complain: Callable[[str], object] = bool
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, I420 planes) of the wanted pictures (sorted), from one pass of the ffmpeg program.

    complain: called with what the program reports. Raises Miscounted in the end if what it yielded cannot be relied on.
    """
    for first in range(0, len(wanted), PER_RUN):
        yield from _ffmpeg_run(video, wanted[first : first + PER_RUN], threads, complain)


def ffmpeg_version() -> str:
    """Version of the ffmpeg program, for the sidecar. Raises InputError if there is none."""
    try:
        said = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as error:
        remedy = "install it (Debian: apt-get install ffmpeg), or set views: frames: extractor to pyav"
        raise InputError("ffmpeg", "the program is not installed", remedy) from error
    return said.split()[2]


def _ffmpeg_run(video: Video, wanted: Sequence[int], threads: int, complain) -> Iterator[tuple[int, np.ndarray]]:
    width, height = video.width // 2 * 2, video.height // 2 * 2
    # The last picture of the file comes too if all those before it could be decoded.
    asked = sorted({*wanted, video.count - 1})
    with tempfile.TemporaryFile() as report:
        # A pipe of 1 MiB, the most that Linux grants: ffmpeg goes on decoding while a picture is encoded here.
        streams = {"stdout": subprocess.PIPE, "stderr": report, "pipesize": 1 << 20}
        with subprocess.Popen(command(video, asked, threads), **streams) as process:
            for index in asked:
                raw = process.stdout.read(width * height * 3 // 2)
                if len(raw) < width * height * 3 // 2:
                    raise Miscounted
                if index in wanted:
                    yield index, np.frombuffer(raw, np.uint8).reshape(height * 3 // 2, width)
        report.seek(0)
        said = report.readline().decode(errors="replace")
        # Damage at the end alone: the file is cut off, which its length says.
        if said and damaged_packets(video) != (False, True):
            complain(re.sub(r"^\[[^]]*\] *", "", said).strip())  # without the address of the decoder


def damaged_packets(video: Video) -> tuple[bool, bool]:
    """(Is any packet before the last damaged, is the last?), from decoding everything."""
    import av

    clean = []
    with av.open(source(video.path), **READING) as container:
        stream = container.streams.video[0]
        for packet in [*(packet for packet in container.demux(stream) if packet.size), None]:
            clean.append(all(frame and not frame.is_corrupt for frame in decoded(stream.codec_context, packet)))
    # A decoder that holds pictures back gives the last ones when it is asked for them.
    return not all(clean[:-2]), not all(clean[-2:])


def command(video: Video, wanted: Sequence[int], threads: int = 1) -> list[str]:
    """The ffmpeg command that writes the wanted pictures to a pipe, I420, and stops after the last one."""
    import ffmpeg

    stream = ffmpeg.input(source(video.path), threads=threads, noautorotate=None, **LOCAL)
    picked = stream.video.filter("select", _any_of(wanted))
    # Evenly spaced time stamps, or ffmpeg would repeat pictures to keep to the clock.
    timed = picked.filter("setpts", "N/FRAME_RATE/TB")
    even = (
        timed.filter("scale", video.width // 2 * 2, video.height // 2 * 2)
        if video.width % 2 or video.height % 2
        else timed
    )
    output = even.output("pipe:", format="rawvideo", pix_fmt="yuv420p", vframes=len(wanted))
    return output.global_args("-nostdin", "-v", "error").compile()


def _any_of(numbers: Sequence[int]) -> str:
    """An expression of n, true for these sorted numbers: a search tree, since ffmpeg refuses a sum of many terms."""
    if len(numbers) == 1:
        return f"eq(n,{numbers[0]})"
    half = len(numbers) // 2
    return f"if(lt(n,{numbers[half]}),{_any_of(numbers[:half])},{_any_of(numbers[half:])})"


EXTRACTORS = {"ffmpeg": by_ffmpeg, "pyav": by_pyav}
