"""Frames of a 3-minute dialogue (720x480, 29.97 fps, MPEG-4 in AVI, 1.5 Mbit/s): 30 utterances, 8 cropped frames each.

Both extractors are compared with one ffmpeg process per picture and with one per utterance, which write the same
pictures as files. They are also compared with bare decoders, which only decode up to the last of these pictures.
"""

import io
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare
from emospace.core.manifest import Utterance
from emospace.media.decoders import command
from emospace.media.pictures import Frames
from emospace.media.video import probe
from emospace.views.frames import extract, frame_indices

SECONDS, UTTERANCES, FRAMES, SIZE = 180, 30, 8, 224
LEFT, RIGHT = "0 0 360 480", "360 0 720 480"
# Largest mean difference, in levels of 255, between two programs' versions of one picture, averaged over squares of
# 8x8 pixels. Neighbouring pictures of this footage differ by at least 3.4.
TOLERANCE = 2.7
EARLY = 0.25  # pictures; ffmpeg seeks this far before the wanted one, since a half could be rounded either way


def footage(path: Path) -> None:
    """Write moving shapes under noise, as MPEG-4 with the encoder's default groups of 12 pictures."""
    source = f"testsrc2=size=720x480:rate=30000/1001:duration={SECONDS},noise=alls=12:allf=t"
    rate = ["-c:v", "mpeg4", "-b:v", "1500k", "-maxrate", "2000k", "-bufsize", "4000k"]
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *rate, str(path)], check=True)


def utterances(video: str) -> list[Utterance]:
    draw, slot = np.random.default_rng(0), SECONDS / UTTERANCES
    rows = []
    for i in range(UTTERANCES):
        start = i * slot + draw.uniform(0, 1)
        fields = {"dialogue": "d", "session": "1", "speaker": "s", "gender": "F", "scripted": False, "whole": False}
        fields |= {"text": "", "audio": "", "video": video, "crop": (LEFT, RIGHT)[i % 2], "label": ""}
        rows.append(Utterance(f"d_{i:02d}", start=start, end=start + draw.uniform(3, 4.8), **fields))
    return rows


def filters(crop: str) -> str:
    x0, y0, x1, y1 = map(int, crop.split())
    return f"crop={x1 - x0}:{y1 - y0}:{x0}:{y0},scale={SIZE}:-1"


def ffmpeg(*arguments) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def per_picture(video: Path, wanted: dict[Utterance, list[int]], fps: float, out: Path) -> None:
    """Run one ffmpeg per picture, which seeks before it decodes."""
    for row, indices in wanted.items():
        for k, index in enumerate(indices):
            before = max(0.0, (index - EARLY) / fps)
            name = out / f"{row.utterance}-{k}.jpg"
            ffmpeg("-ss", f"{before:.6f}", "-i", video, "-frames:v", 1, "-vf", filters(row.crop), "-q:v", 2, name)


def per_utterance(video: Path, wanted: dict[Utterance, list[int]], fps: float, out: Path) -> None:
    """Run one ffmpeg per utterance, which seeks to the first picture and selects the others."""
    for row, indices in wanted.items():
        before = max(0.0, (indices[0] - EARLY) / fps)
        chosen = "+".join(f"eq(n,{index - indices[0]})" for index in indices)
        picture = f"select='{chosen}',{filters(row.crop)}"
        pattern = out / f"{row.utterance}-%d.jpg"
        until = ["-frames:v", len(indices), "-vsync", "0", "-q:v", 2, "-start_number", 0]
        ffmpeg("-ss", f"{before:.6f}", "-i", video, "-vf", picture, *until, pattern)


def bare_pyav(video: Path, indices: set[int]) -> int:
    """Decode every picture up to the last wanted one; keep the wanted ones and return their number."""
    import av

    kept = []
    with av.open(str(video)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            if i in indices:
                kept.append(frame)
            if len(kept) == len(indices):
                break
    return len(kept)


def bare_ffmpeg(video: Path, indices: set[int]) -> None:
    """Run the command of our ffmpeg extractor and discard its pictures."""
    subprocess.run(command(probe(video), sorted(indices)), stdout=subprocess.DEVNULL, check=True)


def check(archive: Path, wanted: dict[Utterance, list[int]], folder: Path) -> float:
    """Return the largest mean difference between our pictures and the naive ones."""
    from PIL import Image

    def pixels(file) -> np.ndarray:
        return np.asarray(Image.open(file).convert("RGB").reduce(8), int)

    worst = 0.0
    with Frames(archive) as extracted:
        for row, indices in wanted.items():
            jpegs = extracted.row(row.utterance)
            assert len(jpegs) == len(indices), f"{row.utterance}: {len(jpegs)} of {len(indices)} pictures"
            for k, jpeg in enumerate(jpegs):
                theirs = pixels(folder / f"{row.utterance}-{k}.jpg")
                worst = max(worst, float(np.abs(pixels(io.BytesIO(jpeg)) - theirs).mean()))
    assert worst < TOLERANCE, f"pictures differ by {worst:.2f} levels"
    return worst


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "dialogue.avi"
        footage(path)
        video, rows = probe(path), utterances(path.name)
        wanted = {row: frame_indices(row.start, row.end, FRAMES, video) for row in rows}
        indices = {index for chosen in wanted.values() for index in chosen}
        naive = {way: folder / way for way in ("per_picture", "per_utterance")}
        for out in naive.values():
            out.mkdir()

        def ours(extractor: str) -> None:
            options = {"frames": FRAMES, "size": SIZE, "extractor": extractor}
            extract(rows, folder, folder / f"{extractor}.zip", **options)

        measured = compare(
            {
                "per_picture": lambda: per_picture(path, wanted, float(video.fps), naive["per_picture"]),
                "per_utterance": lambda: per_utterance(path, wanted, float(video.fps), naive["per_utterance"]),
                "pyav": lambda: ours("pyav"),
                "bare_pyav": lambda: bare_pyav(path, indices),
                "ffmpeg": lambda: ours("ffmpeg"),
                "bare_ffmpeg": lambda: bare_ffmpeg(path, indices),
            },
            [Claim(f"frames by {ours} / {other}", other, ours, target) for ours, other, target in TARGETS],
        )
        worst = max(check(folder / f"{e}.zip", wanted, out) for e in ("pyav", "ffmpeg") for out in naive.values())
        return [row | {"note": f"pictures differ by at most {worst:.2f} levels"} for row in measured]


# Extractor, baseline, target. Speed is claimed for the faster extractor, pyav. The ffmpeg extractor decodes everything
# in a separate process; its lower targets are there to reveal a regression.
TARGETS = [
    ("pyav", "per_picture", 6),
    ("pyav", "per_utterance", 1.8),
    ("pyav", "bare_pyav", 0.8),
    ("ffmpeg", "per_picture", 6),
    ("ffmpeg", "per_utterance", 1.4),
    ("ffmpeg", "bare_ffmpeg", 0.6),
]


if __name__ == "__main__":
    for row in measure():
        print(row)
