"""Audio extraction against one ffmpeg process per utterance: a 3-minute dialogue (44.1 kHz stereo WAV), 30 utterances.

Both produce int16 mono samples at 16 kHz.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._timing import Claim, compare
from emospace.core import store
from emospace.core.manifest import Utterance
from emospace.views import audio

SECONDS, UTTERANCES, RATE, SOURCE_RATE = 180, 30, 16_000, 44_100
SIMILAR = 0.999  # least correlation with ffmpeg's samples: its filter restarts at each cut


def recording(path: Path) -> None:
    """Write noise of varying loudness, below 7 kHz so that both resamplers preserve all of it."""
    import soundfile
    from scipy.signal import butter, sosfilt

    draw = np.random.default_rng(0)
    loudness = np.abs(np.sin(np.linspace(0, 200, SECONDS * SOURCE_RATE)))[:, None]
    wave = draw.standard_normal((SECONDS * SOURCE_RATE, 2)) * loudness * 0.1
    low = sosfilt(butter(8, 6000, fs=SOURCE_RATE, output="sos"), wave, axis=0)
    soundfile.write(path, low, SOURCE_RATE, subtype="PCM_16")


def utterances(file: str) -> list[Utterance]:
    draw, slot = np.random.default_rng(0), SECONDS / UTTERANCES
    # Times that fall on whole samples at both rates; otherwise the cuts would differ by fractions of a sample.
    starts = [i * slot + round(draw.uniform(0, 1), 2) for i in range(UTTERANCES)]
    fields = {"dialogue": "d", "session": "1", "speaker": "s", "gender": "F", "scripted": False, "whole": False}
    fields |= {"text": "", "audio": file, "video": "", "crop": "", "label": ""}
    return [
        Utterance(f"d_{i:02d}", start=s, end=s + round(draw.uniform(3, 4.8), 2), **fields) for i, s in enumerate(starts)
    ]


def per_utterance(path: Path, rows: list[Utterance], out: Path) -> None:
    """Cut each utterance with its own ffmpeg process."""
    for row in rows:
        cut = ["-ss", f"{row.start:.6f}", "-t", f"{row.end - row.start:.6f}", "-i", str(path)]
        form = ["-ac", "1", "-ar", str(RATE), "-f", "s16le", str(out / row.utterance)]
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *cut, *form], check=True)


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "dialogue.wav"
        recording(path)
        rows = utterances(path.name)
        ways = {
            "naive": lambda: per_utterance(path, rows, folder),
            "ours": lambda: audio.extract(rows, folder, folder / "p.npy"),
        }
        measured = compare(ways, [Claim("audio / one ffmpeg per utterance", "naive", "ours", 8)])
        ours = store.Ragged.open(folder / "p.npy", UTTERANCES)
        worst = min(similarity(ours[i], folder / row.utterance) for i, row in enumerate(rows))
        assert worst > SIMILAR, f"correlation {worst}"
    return [row | {"note": f"least correlation {worst:.5f}"} for row in measured]


def similarity(samples: np.ndarray, file: Path) -> float:
    theirs = np.fromfile(file, np.int16)
    assert abs(len(samples) - len(theirs)) < 10, f"{len(samples)} samples against {len(theirs)}"
    length = min(len(samples), len(theirs))
    return float(np.corrcoef(samples[:length], theirs[:length])[0, 1])


if __name__ == "__main__":
    for row in measure():
        print(row)
