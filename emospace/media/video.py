"""Video files: the number of their frames, and when each is shown."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from emospace.media.opening import READING, MediaError, decoding, reports, source

# Seconds by which time stamps may deviate from a constant rate (encoder delays do) before the rate counts as variable.
DRIFT = 0.25


@dataclass(frozen=True)
class Video:
    """A video stream. Frame i is the i-th frame when everything is decoded.

    fps: frames per second. count: number of frames. times: seconds at which each is first shown, None if the rate is
    constant. stamps: time stamps of the packets in file order if they identify the packet of each frame, else None.
    keys: numbers of the packets at which decoding can start. complaint: FFmpeg's error message about the container, or
    "". promised: the header's number of frames, 0 if it has none.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    count: int
    times: Sequence[float] | None = None
    stamps: Sequence[int] | None = None
    keys: Sequence[int] = (0,)
    complaint: str = ""
    promised: int = 0

    @property
    def duration(self) -> float:
        """Seconds from the start of the first frame to the end of the last."""
        return float(self.times[-1] + 1 / self.fps) if self.times else float(self.count / self.fps)

    def shown_at(self, time: Fraction) -> int:
        """Index of the frame on screen at `time` seconds, extrapolated beyond the end of the file."""
        return bisect_right(self.times, time) - 1 if self.times else int(time * self.fps // 1)


def probe(path: Path) -> Video:
    """Read a file's packets without decoding them (20 ms for 3 minutes). Raises MediaError if it has no frames."""
    import av

    with decoding("a video file"), reports() as messages, av.open(source(path), **READING) as container:
        if not container.streams.video:
            raise MediaError("no frames", "the file has no video stream", "give the utterance another file, or none")
        stream = container.streams.video[0]
        if not stream.codec_context:
            raise MediaError("unreadable", "no decoder supports its video codec", "convert the file, or copy it again")
        packets = [(p.pts, p.dts, p.is_keyframe) for p in container.demux(stream) if p.size]
        video = _video(path, stream, packets, "avi" in container.format.name)
        return replace(video, complaint=next(iter(messages()), ""))


def _video(path: Path, stream, packets: list[tuple], avi: bool) -> Video:
    fps = stream.guessed_rate or stream.average_rate
    if not (packets and fps and stream.width and stream.height):
        raise MediaError("no frames", "its video stream has no frames", "copy it from the corpus again")
    pts, dts, keyed = zip(*packets, strict=True)
    # AVI stores no presentation times. With B-frames, FFmpeg guesses them, and packed B-frames make it guess wrong.
    trusted = None not in pts and len(set(pts)) == len(pts) and not (avi and stream.codec_context.has_b_frames)
    shown = sorted(t for t in (dts if avi else pts) if t is not None)
    times = [float((t - shown[0]) * stream.time_base) for t in shown]
    steady = len(times) < len(packets) or all(abs(t - i / fps) <= DRIFT for i, t in enumerate(times))
    keys = [i for i, key in enumerate(keyed) if key]
    video = Video(path, stream.width, stream.height, fps, len(packets), promised=stream.frames)
    return Video(**vars(video) | {"times": None if steady else times, "stamps": pts if trusted else None, "keys": keys})
