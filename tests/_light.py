"""A small fold with eight features and a text per utterance, both correlated with the label."""

import numpy as np
from _small import ragged

from emospace.core.data import Fold, Rows

CLASSES = ["ang", "hap", "sad"]
WORDS = [["furious", "shout"], ["lovely", "party"], ["lonely", "crying"]]
FILLER = ["table", "window", "monday", "street", "number", "paper"]
REDUCED = {"trees": 30, "boosted": 5, "hidden": 20, "iterations": 30, "min_df": 2}


def rows(seed: int, count: int, hidden: bool = False, speakers: int = 3) -> Rows:
    """Return `count` utterances with the labels in rotation. hidden: omit the labels."""
    draw = np.random.default_rng(seed)
    label = np.arange(count) % len(CLASSES)
    values = draw.normal(size=(count, 8)) + np.eye(len(CLASSES), 8)[label] * 2
    texts = [f"The {draw.choice(WORDS[k])} {draw.choice(FILLER)}, {draw.choice(FILLER)}!" for k in label]
    return Rows(
        utterances=[f"u{seed}_{i}" for i in range(count)],
        speakers=[f"s{seed}_{i // 3 % speakers}" for i in range(count)],
        inputs={"audio.acoustic8": ragged([row[None].astype(np.float32) for row in values]), "text": texts},
        label=np.full(count, -1) if hidden else label,
        gender=np.full(count, -1),
        vad=np.full((count, 3), np.nan, np.float32),
    )


def fold(train: int = 90, dev: int = 30, test: int = 30) -> Fold:
    """Return a fold with this many rows per side; the test rows have no labels."""
    return Fold(CLASSES, rows(1, train), rows(2, dev), rows(3, test, hidden=True))
