"""Black borders (letterbox, pillarbox), which carry no content and can take up half of a frame.

A border is cropped only if all sampled frames agree on it: its edge stays in place and is lit along most of a side.
A dark scene has no such edge.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from emospace.media.decoders import by_pyav, decoded, planes
from emospace.media.opening import READING, source
from emospace.media.video import Video

SAMPLES = 12  # frames sampled across the film; without borders, the first one that is not black settles it
FEWEST = 3  # sampled frames that must not be black throughout
BLACK = 28  # highest luma of a black pixel: nominally 16, plus compression artefacts beside an edge
LINE = 0.98  # least share of black pixels in a line that belongs to a border
LIT = 0.4  # share of a side that must be lit beside a border for its edge to count as visible
EDGE = 4  # pixels by which an edge may seem to move where the picture beside it is dark or blurred
LEAST = 1 / 40  # of a side: thinner borders are kept

Box = tuple[int, int, int, int]


def trimmed(video: Video, boxes: Sequence[Box]) -> dict[Box, Box]:
    """Map each box (x0, y0, x1, y1 in pixels) to the box without black borders, with even coordinates."""
    seen: dict[Box, list[tuple[Box, list[bool]]]] = {box: [] for box in boxes}
    for luma in _samples(video) if boxes else ():
        for box in list(seen):
            inner = _inner(luma, box)
            if inner and not any(_borders(box, inner)):
                del seen[box]
            elif inner:
                seen[box].append((inner, _lit(luma, box, inner)))
        if not seen:
            break
    return {box: _agreed(box, seen.get(box, [])) for box in boxes}


def _inner(luma: np.ndarray, box: Box) -> Box | None:
    """Return the part of a box between its first and last lines that are not black; None if all are."""
    x0, y0, x1, y1 = box
    bright = luma[y0:y1, x0:x1] > BLACK
    rows = np.flatnonzero(bright.mean(axis=1) > 1 - LINE)
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(bright[top:bottom].mean(axis=0) > 1 - LINE)
    if not len(columns):
        return None
    return x0 + int(columns[0]), y0 + top, x0 + int(columns[-1]) + 1, y0 + bottom


def _borders(box: Box, inner: Box) -> list[bool]:
    """Left, top, right, bottom: is the black margin wide enough for a border?"""
    least = [LEAST * (box[2] - box[0]), LEAST * (box[3] - box[1])] * 2
    return [abs(i - o) >= n for i, o, n in zip(inner, box, least, strict=True)]


def _lit(luma: np.ndarray, box: Box, inner: Box) -> list[bool]:
    """Left, top, right, bottom: is the picture lit along enough of that side?

    A face in the dark is lit in one place only.
    """
    x0, y0, x1, y1 = inner
    bright = luma[box[1] : box[3], box[0] : box[2]] > BLACK
    left, top, right, bottom = x0 - box[0], y0 - box[1], x1 - box[0], y1 - box[1]
    near, deep = 2, 2 + 2 * EDGE  # the edge itself may be blurred
    edges = [bright[:, left + near : left + deep], bright[top + near : top + deep]]
    edges += [bright[:, max(0, right - deep) : right - near], bright[max(0, bottom - deep) : bottom - near]]
    return [bool(edge.size) and edge.mean() >= LIT for edge in edges]


def _agreed(box: Box, seen: list[tuple[Box, list[bool]]]) -> Box:
    """Crop the borders that all frames share and whose edge most of them show."""
    if len(seen) < FEWEST:
        return box
    inners, lit = np.array([inner for inner, _ in seen]), np.array([edges for _, edges in seen])
    outmost = np.array([*inners[:, :2].min(axis=0), *inners[:, 2:].max(axis=0)])
    steady = ((abs(inners - outmost) <= EDGE) & lit).mean(axis=0) >= 0.5
    chosen = [i if ok else o for i, o, ok in zip(outmost, box, steady & _borders(box, outmost), strict=True)]
    x0, y0, x1, y1 = map(int, chosen)
    return -(-x0 // 2) * 2, -(-y0 // 2) * 2, x1 // 2 * 2, y1 // 2 * 2


def _samples(video: Video) -> Iterator[np.ndarray]:
    """Luma, uint8 (H, W), of frames spread over the film: keyframes if there are enough, which decode fastest."""
    height = video.height // 2 * 2
    if len(video.keys) >= SAMPLES:
        chosen = {video.keys[k] for k in np.linspace(0, len(video.keys) - 1, SAMPLES).astype(int)}
        yield from (frame[:height] for frame in _keyframes(video, chosen))
    else:
        chosen = sorted({int(k) for k in np.linspace(0, video.count - 1, SAMPLES)})
        yield from (frame[:height] for _, frame in by_pyav(video, chosen))


def _keyframes(video: Video, packets: set[int]) -> Iterator[np.ndarray]:
    """I420 planes of these keyframes (numbers of packets), each decoded on its own."""
    import av

    with av.open(source(video.path), **READING) as container:
        stream = container.streams.video[0]
        numbered = enumerate(packet for packet in container.demux(stream) if packet.size)
        for packet in (packet for number, packet in numbered if number in packets):
            frames = decoded(stream.codec_context, packet) + decoded(stream.codec_context, None)
            stream.codec_context.flush_buffers()
            yield from (planes(frame, video) for frame in frames[:1] if frame)
