"""A corpus of recordings outside the project folder."""

from pathlib import Path

import numpy as np
import soundfile

SECOND = 16_000  # samples


def recordings(root: Path) -> None:
    """Write tones with RAVDESS file names: six actors, two emotions, two takes each."""
    for actor in range(1, 7):
        for emotion in ("03", "04"):
            for repetition in ("01", "02"):
                path = root / f"Actor_{actor:02d}" / f"03-01-{emotion}-01-01-{repetition}-{actor:02d}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                steps = np.arange(3 * SECOND) * (actor + 10 * int(emotion)) / 500  # above 64 KiB: tracked by size
                soundfile.write(path, 0.3 * np.sin(steps), SECOND)
