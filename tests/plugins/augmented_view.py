"""Louder: a copy of every recording with a random gain; the gate rejects copies that clip."""

import numpy as np

from emospace.core import store
from emospace.core.option_types import Positive, Share

PARENT = "audio"
PROBE = False  # the gain cannot change the label
COLUMNS = ["gain", "clipped"]
SIDES = ("As recorded", "Louder")
FULL = 32767  # full scale of int16


def augment(rows, parent, out, *, seed, most: Positive = 6.0):
    """Draw each gain between most / 2 and most, in decibels."""
    sound = store.Ragged.open(parent, len(rows))
    gains = 10 ** (np.random.default_rng(seed).uniform(most / 2, most, len(rows)) / 20)
    copies = (np.clip(np.rint(item * gain), -FULL, FULL) for item, gain in zip(sound, gains, strict=True))
    store.write(out, copies, dtype=np.int16)
    return [], {}


def score(rows, parent, child, *, most_clipped: Share = 0.01):
    """gain: decibels. clipped: fraction of samples at full scale."""
    pairs = zip(store.Ragged.open(parent, len(rows)), store.Ragged.open(child, len(rows)), strict=True)
    return [scores(old.astype(float), new.astype(float), most_clipped) for old, new in pairs]


def scores(old, new, most_clipped):
    if not len(new):
        return {"gain": None, "clipped": None, "reason": "no copy"}
    gain = 10 * np.log10(np.square(new).sum() / np.square(old).sum())
    clipped = np.mean(np.abs(new) >= FULL)
    return {"gain": float(gain), "clipped": float(clipped), "reason": "it clips" if clipped > most_clipped else ""}
