"""A video of the acoustic attention that moves with the sound: H.264, or else MPEG-4, with AAC in an mp4."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from emospace.core.errors import InputError

RATE = 25  # pictures per second
SIZE = (960, 320)  # pixels, even numbers
VIDEO, SOUND = ("libx264", "mpeg4"), ("aac",)
FADED = 0.35  # contrast of what is still to come
CURSOR = (213, 94, 0)


def write(path: Path, classes: Sequence[str], sample, wave: np.ndarray, rate: int) -> None:
    """Write the video of a sample. wave: int16 (T,) at `rate`. Raises InputError without an encoder."""
    import av

    video, sound = encoder(VIDEO), encoder(SOUND)
    picture, first, last = _picture(classes, sample, wave, rate)
    with av.open(path, "w", format="mp4") as container:
        frames = container.add_stream(video, rate=RATE)
        frames.width, frames.height, frames.pix_fmt, frames.thread_count = *SIZE, "yuv420p", 1
        tones = container.add_stream(sound, rate=rate, layout="mono")
        count = max(1, round(len(wave) / rate * RATE))
        for k in range(count):
            shown = _at(picture, round(first + (last - first) * (k + 0.5) / count))
            container.mux(frames.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
        container.mux(frames.encode())
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[None], np.int16), format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = rate, 0, Fraction(1, rate)
        container.mux(tones.encode(block))
        container.mux(tones.encode())


def encoder(names: Sequence[str]) -> str:
    """The first of these encoders that FFmpeg has. Raises InputError if it has none."""
    import av

    for name in names:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    reason = f"this build of FFmpeg has no encoder {' or '.join(names)}, so it cannot write an mp4"
    raise InputError("analysis attention", reason, "run: pip install av -c constraints.txt, or leave the analysis out")


def _picture(classes: Sequence[str], sample, wave: np.ndarray, rate: int) -> tuple[np.ndarray, float, float]:
    """The figure of the sound as pixels uint8 (height, width, 3), and the columns where time begins and ends."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from emospace.analyses import _attention_figures

    with matplotlib.rc_context(_attention_figures.RC):
        figure = Figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100)
        canvas, axes = FigureCanvasAgg(figure), figure.add_axes((0.02, 0.12, 0.96, 0.75))
        _attention_figures.sound(axes, sample, wave, rate)
        axes.set_title(_attention_figures.caption(classes, sample), loc="left")
        canvas.draw()
        edges = axes.get_window_extent()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy(), edges.x0, edges.x1


def _at(picture: np.ndarray, column: int) -> np.ndarray:
    """The picture at a moment: what follows it is faded."""
    shown = picture.copy()
    shown[:, column:] = 255 - (255 - shown[:, column:].astype(float)) * FADED
    shown[:, column - 1 : column + 1] = CURSOR
    return shown
