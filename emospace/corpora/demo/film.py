"""Films of the demo corpus: two drawn faces side by side, whose mouths follow the voices."""

import subprocess
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emospace.core.errors import InputError

WIDTH, HEIGHT = 360, 480  # pixels of one half of the frame
BAR = 56  # pixels of black above and below, as in IEMOCAP
# Animated "on threes": a new drawing for every third frame.
PER_SECOND = 10_000 / 1001
FINE = 2  # factor by which drawings are larger before they are reduced, for smooth edges
MOUTHS = 4  # closed, and three degrees of opening
LOUD = 4000  # RMS in int16 steps at which the mouth is wide open
BLINK = 31  # drawings between two blinks

SKIN = ["#f1c9a5", "#c68642", "#e0ac69", "#8d5524", "#ffdbac"]
HAIR = ["#2b1b0e", "#5a3214", "#b8862d", "#1a1a1a", "#8a3b12"]
SHIRT = ["#3d5a80", "#8a4f7d", "#4f772d", "#9c6644", "#457b9d", "#6d6875", "#bc6c25"]
WALL = ["#cdd7d6", "#d8cfc4", "#c9d6e2", "#d6d2c4", "#cfd8c9"]


class Expression(NamedTuple):
    """Parameters of a face; at rest all are zero, except eyes = 1."""

    frown: float  # inner ends of the brows: 1 down, -1 up
    lift: float  # brows as a whole
    eyes: float  # opening
    smile: float  # corners of the mouth: 1 up, -1 down
    tint: tuple[int, int, int]  # added to the skin's red, green and blue


EXPRESSIONS = {
    "ang": Expression(1.0, -0.5, 0.7, -0.6, (30, -28, -28)),
    "exc": Expression(-0.3, 1.0, 1.4, 1.0, (22, 6, -12)),
    "fru": Expression(0.5, -0.2, 0.8, -0.4, (12, -10, -8)),
    "hap": Expression(-0.1, 0.3, 0.8, 0.9, (8, 2, -8)),
    "neu": Expression(0.0, 0.0, 1.0, 0.0, (0, 0, 0)),
    "sad": Expression(-1.0, 0.0, 0.6, -1.0, (-30, -12, 22)),
    "xxx": Expression(0.2, 0.3, 1.0, 0.1, (0, 0, 0)),
}


class Face(NamedTuple):
    """The content of one half of a drawing."""

    session: int
    letter: str
    label: str = "neu"
    strength: float = 1.0
    mouth: int = 0
    blink: bool = False


@lru_cache(256)  # of 0.5 MB each
def draw(face: Face) -> np.ndarray:
    """Draw a face: RGB, uint8 (480, 360, 3)."""
    from PIL import Image, ImageColor, ImageDraw

    image = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), WALL[face.session % len(WALL)])
    pen = _Pen(ImageDraw.Draw(image))
    look = 2 * face.session + (face.letter == "M")
    full, rest = EXPRESSIONS[face.label], EXPRESSIONS["neu"]
    tint = [round(face.strength * t) for t in full.tint]
    at = Expression(*(r + face.strength * (f - r) for f, r in zip(full[:4], rest[:4], strict=True)), tint)
    red, green, blue = ImageColor.getrgb(SKIN[look % len(SKIN)])
    skin = tuple(int(np.clip(c + t, 0, 255)) for c, t in zip((red, green, blue), tint, strict=True))
    _head(pen, skin, HAIR[look % len(HAIR)], SHIRT[look % len(SHIRT)], face.letter == "F")
    _eyes(pen, at, HAIR[look % len(HAIR)], skin, face.blink)
    _mouth(pen, at, face.mouth)
    pen.box((0, 0, WIDTH, BAR), "black")
    pen.box((0, HEIGHT - BAR, WIDTH, HEIGHT), "black")
    return np.asarray(image.reduce(FINE))


class _Pen:
    """Draws in the coordinates of the reduced picture."""

    def __init__(self, pen):
        self.pen = pen

    def box(self, corners, fill):
        self.pen.rectangle([c * FINE for c in corners], fill)

    def oval(self, x, y, width, height, fill):
        self.pen.ellipse([c * FINE for c in (x - width, y - height, x + width, y + height)], fill)

    def area(self, points, fill):
        self.pen.polygon([(x * FINE, y * FINE) for x, y in points], fill)

    def line(self, points, fill, width):
        self.pen.line([(x * FINE, y * FINE) for x, y in points], fill, width * FINE, joint="curve")


def _head(pen: _Pen, skin: tuple, hair: str, shirt: str, long: bool) -> None:
    if long:
        pen.oval(180, 235, 122, 140, hair)
        pen.box((58, 235, 302, 380), hair)
    pen.oval(180, 480, 170, 110, shirt)
    pen.box((150, 330, 210, 385), skin)
    for side in (-1, 1):
        pen.oval(180 + side * 98, 250, 16, 24, skin)
    pen.oval(180, 200, 102, 108, hair)
    pen.oval(180, 250, 96, 115, skin)
    top = [
        (84, 225),
        (92, 150),
        (180, 110),
        (268, 150),
        (276, 225),
        (250, 175),
        (180, 165 if long else 180),
        (110, 175),
    ]
    pen.area(top, hair)


def _eyes(pen: _Pen, at: Expression, hair: str, skin: tuple, blink: bool) -> None:
    for side in (-1, 1):
        x, open_ = 180 + side * 40, 13 * at.eyes
        if blink:
            pen.line([(x - 18, 240), (x + 18, 240)], "#402a20", 4)
        else:
            pen.oval(x, 240, 20, open_, "white")
            pen.oval(x, 240, min(9, open_), min(9, open_), "#26323a")
        inner, outer = 16 * at.frown, -10 * at.frown
        y = 210 - 14 * at.lift
        pen.line([(x - side * 24, y + inner), (x, y + (inner + outer) / 4 - 3), (x + side * 26, y + outer)], hair, 9)
    shade = tuple(int(0.8 * c) for c in skin)
    pen.line([(180, 245), (172, 285), (186, 288)], shade, 4)


def _mouth(pen: _Pen, at: Expression, opening: int) -> None:
    """Draw the lips as parabolas: the corners follow the smile, the lower lip follows the voice."""
    across = np.linspace(-1, 1, 21)
    half = 38 + 8 * abs(at.smile)
    xs = 180 + half * across
    upper = 322 + 24 * at.smile * (0.5 - across**2)
    lower = upper + opening * 11 * (1 - across**2)
    if opening:
        pen.area([*zip(xs, upper, strict=True), *zip(xs[::-1], lower[::-1], strict=True)], "#5b1220")
        pen.line(list(zip(xs, lower, strict=True)), "#b03a48", 6)
    pen.line(list(zip(xs, upper, strict=True)), "#b03a48", 7)


def openings(sound: np.ndarray, rate: int) -> np.ndarray:
    """Opening of the mouth in each drawing, int (n,), 0 to MOUTHS - 1. sound: an actor's channel, int16 (T,)."""
    step = rate / PER_SECOND
    edges = np.arange(0, len(sound), step).astype(int)
    power = np.add.reduceat(sound.astype(np.float64) ** 2, edges) / step
    return np.minimum(np.sqrt(power) / LOUD * MOUTHS, MOUTHS - 1).astype(int)


def film(path: Path, halves: list[list[Face]]) -> None:
    """Encode a film (MPEG-4 as DivX) from the faces of its left and right half. Equal faces give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size, codec = f"{2 * WIDTH}x{HEIGHT}", ["-c:v", "mpeg4", "-vtag", "DIVX", "-q:v", "5", "-g", "300"]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", "10000/1001", "-i", "-"]
    exact = ["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
    tripled = ["-vf", "format=yuv420p,fps=30000/1001"]  # a filter, as the muxer would write empty frames
    command = ["ffmpeg", "-loglevel", "error", *source, *tripled, *codec, *exact, f"file:{path}"]
    try:
        ffmpeg = subprocess.Popen(command, stdin=subprocess.PIPE)
    except FileNotFoundError as error:
        raise InputError("ffmpeg", "the program is not installed", "install ffmpeg") from error
    with ffmpeg:
        for left, right in zip(*halves, strict=True):
            ffmpeg.stdin.write(np.concatenate([draw(left), draw(right)], axis=1))
    if ffmpeg.returncode:
        raise RuntimeError(f"ffmpeg failed on {path}")
