"""The frames view: K frames per utterance, cropped to the speaker, as `<utterance>/<k>.jpg` in one uncompressed zip.

A pure function, `frame_indices`, selects the frames. Two extractors return the same ones: `ffmpeg` runs the program
once per file, with a command built by ffmpeg-python; `pyav` decodes in this process, and only the parts it needs.
"""

import zipfile
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Literal

import numpy as np

from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance
from emospace.core.option_types import Count, Positive, Quality
from emospace.core.provenance import atomic
from emospace.media import pictures
from emospace.media.borders import trimmed
from emospace.media.decoders import EXTRACTORS, Miscounted, by_pyav, damaged_packets, ffmpeg_version
from emospace.media.opening import AGAIN, MediaError, decoding, locate
from emospace.media.video import Video, probe
from emospace.views._files import Answer, by_file, ends_early, mostly_there
from emospace.views._reading import frames as read  # noqa: F401

KIND = "frames"
SUFFIX = ".zip"
MEDIUM = "video"
PACKAGES = ("av", "ffmpeg-python", "pillow")


def extract(
    rows: Sequence[Utterance],
    root: Path,
    out: Path,
    *,
    frames: Count = 8,
    per_second: Positive | None = None,
    size: Count | None = 224,
    quality: Quality = 90,
    extractor: Literal["ffmpeg", "pyav"] = "ffmpeg",
    borders: Literal["crop", "keep"] = "crop",
    threads: int = 1,
) -> tuple[list[Problem], dict]:
    """Write the zip `out` with up to `frames` JPEGs per utterance; return the problems and the facts for the sidecar.

    per_second: instead of `frames`, the number of frames per second of the utterance, rounded; at least one frame.
    size: pixels of the shorter side to which larger frames are scaled down (None keeps their size). quality: of the
    JPEGs, 1 to 95. extractor: "ffmpeg" or "pyav". borders: "crop" removes black borders that the speaker's part of the
    frame has throughout the film. threads: files processed at a time; fewer files get several threads each.
    """
    if extractor not in EXTRACTORS:
        raise InputError("views: frames: extractor", f"there is no {extractor!r}", f"known: {', '.join(EXTRACTORS)}")
    problems, counts = [], []
    files = {row.video for row in rows if row.video}
    facts = {"extractor": extractor} | ({"ffmpeg": ffmpeg_version()} if files and extractor == "ffmpeg" else {})
    each = max(1, threads // max(1, len(files)))
    take = partial(_take, EXTRACTORS[extractor], partial(_jpeg, size, quality), each)
    work = partial(_pictures, Path(root), partial(_count, frames, per_second), borders == "crop", take)
    with atomic(out) as tmp, zipfile.ZipFile(tmp, "w") as archive:
        for row, jpegs in by_file(rows, "video", root, work, problems, threads):
            counts.append(len(jpegs))
            for k, jpeg in enumerate(jpegs):
                pictures.add(archive, row.utterance, k, jpeg)
    return problems, facts | {"rows": len(rows), "missing": counts.count(0), "frames": sum(counts)}


def _count(frames: int, per_second: float | None, row: Utterance) -> int:
    """Number of frames to take from an utterance."""
    return max(1, round((row.end - row.start) * per_second)) if per_second else frames


def frame_indices(start: float, end: float, frames: int, video: Video) -> list[int]:
    """Increasing indices of the frames on screen at the centres of `frames` equal slices of [start, end), in seconds.

    The frame at time t is floor(t * fps), in exact arithmetic on times rounded to 0.1 ms (as in the manifest); at a
    variable rate it is the last one shown by t. Indices end with the last frame of the file and do not repeat: an
    utterance with fewer than `frames` frames gives fewer, but at least one.
    """
    first, last = (Fraction(round(t * 10000), 10000) for t in (start, end))
    centres = (first + (last - first) * (2 * k + 1) / (2 * frames) for k in range(frames))
    return list(dict.fromkeys(max(0, min(video.shown_at(t), video.count - 1)) for t in centres))


def _pictures(root: Path, count, crop: bool, take, file: str, rows: list[Utterance]) -> Answer:
    """The JPEGs of each utterance in one video."""
    video = probe(locate(root, file))
    complaints = [video.complaint] if video.complaint else []
    plans = [_plan(row, count(row), video) for row in rows]
    with decoding("a video that can be decoded"):
        if crop:
            inner = trimmed(video, sorted({box for indices, box, _ in plans if indices}))
            plans = [(indices, inner.get(box, box), error) for indices, box, error in plans]
        taken = take(video, plans, complaints)
        # PyAV may have skipped the damaged packets. A header may be wrong, but lost frames leave damage beside them.
        if not complaints and video.promised > video.count and damaged_packets(video)[0]:
            complaints.append(f"{video.promised - video.count} frames are lost")
    detail = f"its decoder reports: {complaints[0]}" if complaints else ""
    errors = [MediaError("damaged", detail, f"look at its frames, or {AGAIN}")] if complaints else []
    return Answer([_answer(jpegs, *plan) for jpegs, plan in zip(taken, plans, strict=True)], errors)


def _take(extractor, encode, threads: int, video: Video, plans: list[tuple], complaints: list[str]) -> list:
    """JPEGs of each plan, from one pass over the video."""
    uses = defaultdict(list)  # frame index -> (plan, box) of each use
    for plan, (indices, box, _) in enumerate(plans):
        for index in indices:
            uses[index].append((plan, box))
    if not uses:
        return [[] for _ in plans]
    try:
        return _encoded(extractor(video, sorted(uses), threads, complaints.append), uses, encode, len(plans))
    except Miscounted:  # PyAV identifies most frames by their time stamps
        return _encoded(by_pyav(video, sorted(uses), threads, complaints.append), uses, encode, len(plans))


def _encoded(frames, uses: dict[int, list[tuple]], encode, plans: int) -> list[list[bytes]]:
    """Encode each frame for each of its uses. This takes a fraction of the time of decoding, so it gets no thread."""
    jpegs: list[list[bytes]] = [[] for _ in range(plans)]
    for index, planes in frames:
        for plan, box in uses[index]:
            jpegs[plan].append(encode(planes, box))
    return jpegs


def _plan(row: Utterance, frames: int, video: Video) -> tuple[list[int], tuple, MediaError | None]:
    """(frame indices, crop box, error or None) of one utterance."""
    early = ends_early(row.start, row.end, video.duration)
    if early and not mostly_there(row.start, row.end, video.duration):
        return [], (), early
    box = _box(row.crop, video)
    if not box:
        detail = f"the crop {row.crop!r} is outside the frame of {video.width}x{video.height} pixels"
        return [], (), MediaError("no frames", detail, "correct the crop")
    return frame_indices(row.start, row.end, frames, video), box, early


def _box(crop: str, video: Video) -> tuple[int, ...]:
    """The crop `x0 y0 x1 y1` within the frame, extended to even pixels (chroma is at half resolution); () if empty."""
    x0, y0, x1, y1 = (int(float(n)) for n in crop.split()) if crop else (0, 0, video.width, video.height)
    x0, y0 = max(0, x0 // 2 * 2), max(0, y0 // 2 * 2)
    x1, y1 = min(video.width, -(-x1 // 2) * 2), min(video.height, -(-y1 // 2) * 2)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else ()


def _answer(jpegs: list[bytes], indices: list[int], _box: tuple, error: MediaError | None) -> tuple:
    if len(jpegs) < len(indices):
        detail = f"{len(indices) - len(jpegs)} of {len(indices)} frames could not be decoded"
        error = MediaError("unreadable" if jpegs else "no frames", detail, AGAIN)
    return jpegs, error


def _jpeg(size: int | None, quality: int, planes: np.ndarray, box: tuple[int, ...]) -> bytes:
    """Crop, scale and encode one frame; planes: I420, uint8 (H * 3 / 2, W)."""
    import av

    x0, y0, x1, y1 = box
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    chroma = planes[height:].reshape(2, height // 2, width // 2)[:, y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
    cropped = np.concatenate([planes[y0:y1, x0:x1].ravel(), chroma.ravel()]).reshape(-1, x1 - x0)
    scale = min(1.0, size / min(x1 - x0, y1 - y0)) if size else 1.0
    target = {"width": round((x1 - x0) * scale), "height": round((y1 - y0) * scale)}
    frame = av.VideoFrame.from_ndarray(cropped, format="yuv420p")
    rgb = _scaler().reformat(frame, format="rgb24", interpolation="BICUBIC", threads=1, **target)
    return pictures.encode(rgb.to_ndarray(), quality)


@cache
def _scaler():
    """The scaler of this process. Keeping it takes half the time of creating one per frame."""
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()
