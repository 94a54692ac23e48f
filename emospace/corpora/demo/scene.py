"""The scenes of the demo corpus: who says what, how, and when. Everything random here follows from one generator."""

from dataclasses import dataclass

import numpy as np

from emospace.corpora.demo.screenplay import ANY, LATIN, LINES, SCRIPT, SHORT

# The four usual classes (hap and exc together are one) come equally often.
DECK = ("ang", "neu", "sad", "hap", "ang", "neu", "sad", "exc")
AMBIGUOUS = 0.35  # share of improvised turns whose words fit any emotion
REPLAYED = 0.3  # share of scripted turns that an actor plays in another emotion than the script's
OVERLAP = 0.12  # share of turns that interrupt the other actor
STRENGTHS = (0.55, 0.75, 1.0)  # of a face: how much of the full expression it shows


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: the actor (F or M), the label, the words, and how strongly voice and face show the emotion (0 to 1)."""

    utterance: str
    letter: str
    label: str
    text: str
    voice: float
    face: float


def scene(name: str, session: int, number: int, turns: int, rng: np.random.Generator) -> list[Turn]:
    """The turns of one dialogue. Dialogues 0, 2, ... of a session are improvised, the others play the script."""
    labels, texts = _scripted(turns, rng) if number % 2 else _improvised(turns, session, rng)
    if number == 0 and session == 1:
        labels[2], texts[2] = "ang", SHORT
    if number == 0 and session == 2:
        labels[1], texts[1] = "neu", LATIN
    letters = _letters(turns, rng)
    seen = {"F": 0, "M": 0}
    scenes = []
    for letter, label, text in zip(letters, labels, texts, strict=True):
        voice, face = float(rng.uniform(0.3, 1.0)), STRENGTHS[rng.integers(len(STRENGTHS))]
        scenes.append(Turn(f"{name}_{letter}{seen[letter]:03d}", letter, label, text, voice, face))
        seen[letter] += 1
    return scenes


def _improvised(turns: int, session: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    labels = [DECK[(i + session) % len(DECK)] for i in range(turns - 2)] + ["fru", "xxx"]
    labels = [str(x) for x in rng.permutation(labels)]
    lists = [ANY if label == "xxx" or rng.random() < AMBIGUOUS else LINES[label] for label in labels]
    return labels, [words[rng.integers(len(words))] for words in lists]


def _scripted(turns: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    intended = [SCRIPT[i % len(SCRIPT)] for i in range(turns)]
    played = [DECK[rng.integers(len(DECK))] if rng.random() < REPLAYED else label for label, _ in intended]
    return played, [text for _, text in intended]


def _letters(turns: int, rng: np.random.Generator) -> list[str]:
    """F and M take turns; now and then one goes on."""
    letters = ["F", "M"]
    while len(letters) < turns:
        stays = rng.random() < 0.15
        letters.append(letters[-1] if stays else "FM"[letters[-1] == "F"])
    return letters[:turns]


def place(turns: list[Turn], seconds: list[float], rng: np.random.Generator) -> list[tuple[float, float]]:
    """Start (a whole ms, so a whole sample) and end of each turn in seconds: pauses, or the other actor cuts in."""
    times, end = [], 0.8
    for i, length in enumerate(seconds):
        cuts_in = i > 0 and turns[i].letter != turns[i - 1].letter and rng.random() < OVERLAP
        start = round(end - min(0.4, length / 4) if cuts_in else end + rng.uniform(0.15, 0.5), 3)
        times.append((start, start + length))
        end = max(end, start + length)
    return times
