"""Videos with the frame number painted into every frame."""

import subprocess
from fractions import Fraction
from pathlib import Path

from conftest import utterance

from emospace.media.video import Video

NTSC = "30000/1001"
# Eight fields of 16 pixels, white or black: the binary digits of the frame number, bit 0 on the left.
NUMBERED = "geq=lum='if(mod(floor(N/pow(2,floor(X/16))),2),220,30)':cb=128:cr=128"


def film(path: Path, *options: str, rate: str = NTSC, frames: int = 120, picture: str = NUMBERED) -> Path:
    """Write a video of numbered frames, 128x64."""
    source = f"color=size=128x64:rate={rate},format=yuv420p,{picture}"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        source,
        "-frames:v",
        str(frames),
        *options,
        str(path),
    ]
    subprocess.run(command, check=True)
    return path


def row(video: str, start: float, end: float, name: str = "d_1", crop: str = ""):
    return utterance(name, video=video, audio="", start=start, end=end, whole=False, crop=crop)


def video(fps, count: int, times=None) -> Video:
    return Video(Path("x"), 16, 16, Fraction(fps), count, times)
