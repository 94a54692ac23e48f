"""Text files of the demo corpus in IEMOCAP's format: evaluations and transcripts."""

import numpy as np

from emospace.corpora.demo.scene import Turn

NAMES = {
    "ang": "Anger",
    "exc": "Excited",
    "fru": "Frustration",
    "hap": "Happiness",
    "neu": "Neutral",
    "sad": "Sadness",
}
# Mean valence, activation and dominance of each emotion, on the scale of 1 to 5.
ATTRIBUTES = {
    "ang": (1.9, 3.8, 3.8),
    "exc": (4.3, 3.9, 3.5),
    "fru": (2.2, 3.2, 3.2),
    "hap": (4.0, 3.1, 3.0),
    "neu": (3.0, 2.5, 2.9),
    "sad": (2.1, 2.1, 2.4),
    "xxx": (2.9, 2.9, 3.0),
}
ANNOTATORS = 2  # raters of the attributes


def evaluation(turns: list[Turn], times: list[tuple[float, float]], rng: np.random.Generator) -> str:
    """An EmoEvaluation file: for each turn its label and mean ratings, then the lines of the annotators."""
    header = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    return header + "\n".join(_block(turn, *time, rng) for turn, time in zip(turns, times, strict=True))


def _block(turn: Turn, start: float, end: float, rng: np.random.Generator) -> str:
    ratings = np.clip(np.rint(rng.normal(ATTRIBUTES[turn.label], 0.5, (ANNOTATORS, 3))), 1, 5)
    mean = ", ".join(f"{x:.4f}" for x in ratings.mean(0))
    lines = [f"[{start:.4f} - {end:.4f}]\t{turn.utterance}\t{turn.label}\t[{mean}]"]
    votes = rng.permutation(list(NAMES))[:3] if turn.label == "xxx" else [turn.label] * 3
    lines += [f"C-E{k}:\t{NAMES[vote]};\t()" for k, vote in enumerate(votes, 2)]
    lines += [f"A-E{k}:\tval {v:.0f}; act {a:.0f}; dom  {d:.0f};\t()" for k, (v, a, d) in enumerate(ratings, 3)]
    return "\n".join(lines) + "\n"


def transcript(turns: list[Turn], times: list[tuple[float, float]]) -> str:
    """A transcription file, which begins with a turn without evaluation (XX0)."""
    first = turns[0]
    unevaluated = first.utterance.rpartition("_")[0] + f"_{first.letter}XX0 [000.1000-000.6000]: Hm."
    spoken = zip(turns, times, strict=True)
    lines = [f"{t.utterance} [{start:08.4f}-{end:08.4f}]: {t.text}" for t, (start, end) in spoken]
    return "\n".join([unevaluated, *lines]) + "\n"
