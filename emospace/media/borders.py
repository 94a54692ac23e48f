"""Black borders of films (letterboxes): constant, without content, and up to half of a picture.

A border is cut off only where all of the film agrees: a dark scene has no edge that stays in place and that a bright
picture begins at, along the whole of a side.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from emospace.media.decoders import by_pyav, decoded, planes
from emospace.media.opening import READING, source
from emospace.media.video import Video

SAMPLES = 12  # pictures looked at, spread over the film; the first of them settles it for a film without borders
FEWEST = 3  # of them must show anything
BLACK = 28  # luma up to which a pixel is black: 16 by definition, and what compression adds beside an edge
LINE = 0.98  # share of a line's pixels that are black where it belongs to a border
LIT = 0.4  # share of a side along which the picture beside a border is not black, where it shows the border's edge
EDGE = 4  # pixels that an edge may seem to move, where the picture beside it is dark or blurred
LEAST = 1 / 40  # of a side: thinner borders are left alone

Box = tuple[int, int, int, int]


def trimmed(video: Video, boxes: Sequence[Box]) -> dict[Box, Box]:
    """Box (x0, y0, x1, y1 in pixels) -> the same without black borders, even numbers too."""
    seen: dict[Box, list[Box]] = {box: [] for box in boxes}
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
    """What a picture shows within a box, from the first to the last line that is not black; None if nothing."""
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
    """Left, top, right, bottom: is there as much black as makes a border?"""
    least = [LEAST * (box[2] - box[0]), LEAST * (box[3] - box[1])] * 2
    return [abs(i - o) >= n for i, o, n in zip(inner, box, least, strict=True)]


def _lit(luma: np.ndarray, box: Box, inner: Box) -> list[bool]:
    """Left, top, right, bottom: does the picture begin there along enough of the box's side?

    A face in the dark begins in one place.
    """
    x0, y0, x1, y1 = inner
    bright = luma[box[1] : box[3], box[0] : box[2]] > BLACK
    left, top, right, bottom = x0 - box[0], y0 - box[1], x1 - box[0], y1 - box[1]
    near, deep = 2, 2 + 2 * EDGE  # just at the edge it may be blurred
    edges = [bright[:, left + near : left + deep], bright[top + near : top + deep]]
    edges += [bright[:, max(0, right - deep) : right - near], bright[max(0, bottom - deep) : bottom - near]]
    return [bool(edge.size) and edge.mean() >= LIT for edge in edges]


def _agreed(box: Box, seen: list[tuple[Box, list[bool]]]) -> Box:
    """The box within the borders that all pictures share and most of them show the edge of."""
    if len(seen) < FEWEST:
        return box
    inners, lit = np.array([inner for inner, _ in seen]), np.array([edges for _, edges in seen])
    outmost = np.array([*inners[:, :2].min(axis=0), *inners[:, 2:].max(axis=0)])
    steady = ((abs(inners - outmost) <= EDGE) & lit).mean(axis=0) >= 0.5
    chosen = [i if ok else o for i, o, ok in zip(outmost, box, steady & _borders(box, outmost), strict=True)]
    x0, y0, x1, y1 = map(int, chosen)
    return -(-x0 // 2) * 2, -(-y0 // 2) * 2, x1 // 2 * 2, y1 // 2 * 2


def _samples(video: Video) -> Iterator[np.ndarray]:
    """Luma, uint8 (H, W), of pictures spread over the film: key pictures where there are enough, as they cost least."""
    height = video.height // 2 * 2
    if len(video.keys) >= SAMPLES:
        chosen = {video.keys[k] for k in np.linspace(0, len(video.keys) - 1, SAMPLES).astype(int)}
        yield from (found[:height] for found in _key_pictures(video, chosen))
    else:
        chosen = sorted({int(k) for k in np.linspace(0, video.count - 1, SAMPLES)})
        yield from (found[:height] for _, found in by_pyav(video, chosen))


def _key_pictures(video: Video, packets: set[int]) -> Iterator[np.ndarray]:
    """I420 planes of the pictures that these key packets hold, each decoded on its own."""
    import av

    with av.open(source(video.path), **READING) as container:
        stream = container.streams.video[0]
        found = enumerate(packet for packet in container.demux(stream) if packet.size)
        for packet in (packet for number, packet in found if number in packets):
            frames = decoded(stream.codec_context, packet) + decoded(stream.codec_context, None)
            stream.codec_context.flush_buffers()
            yield from (planes(frame, video) for frame in frames[:1] if frame)
