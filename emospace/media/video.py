"""Video files: which pictures they hold, and when each is shown."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from emospace.media.opening import READING, MediaError, decoding, reports, source

# Seconds that time stamps may stray from a constant rate (encoders' delays do) before it counts as varying.
DRIFT = 0.25


@dataclass(frozen=True)
class Video:
    """A video stream. Picture i is the i-th that decoding everything gives.

    fps: pictures per second. count: pictures. times: seconds at which each is first shown, None at a constant rate.
    stamps: time stamp of each packet in file order, where they tell which picture a packet makes; else None.
    keys: numbers of the packets at which decoding can start. complaint: what FFmpeg reports of the container, or "".
    promised: pictures that the header counts, 0 if it does not.
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
        """Seconds from the first picture to the end of the last."""
        return float(self.times[-1] + 1 / self.fps) if self.times else float(self.count / self.fps)

    def shown_at(self, time: Fraction) -> int:
        """Number of the picture on screen at `time` seconds; it may lie beyond the end of the file."""
        return bisect_right(self.times, time) - 1 if self.times else int(time * self.fps // 1)


def probe(path: Path) -> Video:
    """Read a file's packets, decoding none of them (20 ms for 3 minutes). Raises MediaError if it holds no pictures."""
    import av

    with decoding("a video file"), reports() as said, av.open(source(path), **READING) as container:
        if not container.streams.video:
            raise MediaError("no frames", "the file holds sound only", "give the utterance another file, or none")
        stream = container.streams.video[0]
        if not stream.codec_context:
            raise MediaError(
                "unreadable", "no decoder knows the kind of its pictures", "convert the file, or copy it again"
            )
        packets = [(p.pts, p.dts, p.is_keyframe) for p in container.demux(stream) if p.size]
        video = _video(path, stream, packets, "avi" in container.format.name)
        return replace(video, complaint=next(iter(said()), ""))


def _video(path: Path, stream, packets: list[tuple], avi: bool) -> Video:
    fps = stream.guessed_rate or stream.average_rate
    if not (packets and fps and stream.width and stream.height):
        raise MediaError("no frames", "the file holds no pictures", "copy it from the corpus again")
    pts, dts, keyed = zip(*packets, strict=True)
    # AVI stores no time of display; with B-frames FFmpeg guesses it, and packed ones defeat the guess.
    trusted = None not in pts and len(set(pts)) == len(pts) and not (avi and stream.codec_context.has_b_frames)
    shown = sorted(t for t in (dts if avi else pts) if t is not None)
    times = [float((t - shown[0]) * stream.time_base) for t in shown]
    steady = len(times) < len(packets) or all(abs(t - i / fps) <= DRIFT for i, t in enumerate(times))
    keys = [i for i, key in enumerate(keyed) if key]
    video = Video(path, stream.width, stream.height, fps, len(packets), promised=stream.frames)
    return Video(**vars(video) | {"times": None if steady else times, "stamps": pts if trusted else None, "keys": keys})
