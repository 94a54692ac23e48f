"""Scenes of the demo corpus: who says which line, how, and when. One generator determines all random choices."""

from dataclasses import dataclass

import numpy as np

from emospace.corpora.demo.screenplay import ANY, LATIN, LINES, SCRIPT, SHORT

# The four usual classes (hap and exc form one) are equally frequent.
DECK = ("ang", "neu", "sad", "hap", "ang", "neu", "sad", "exc")
AMBIGUOUS = 0.35  # share of improvised turns whose text fits any emotion
REPLAYED = 0.3  # share of scripted turns played in another emotion than the script's
OVERLAP = 0.12  # share of turns that interrupt the other actor
STRENGTHS = (0.55, 0.75, 1.0)  # strengths of facial expressions, as shares of the full one


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: actor (F or M), label, text, and the strength of the emotion in voice and face (0 to 1)."""

    utterance: str
    letter: str
    label: str
    text: str
    voice: float
    face: float


def scene(name: str, session: int, number: int, turns: int, rng: np.random.Generator) -> list[Turn]:
    """The turns of one dialogue. Dialogues 0, 2, ... of a session are improvised, the others scripted."""
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
    """Actors of the turns: F and M alternate, and sometimes one continues."""
    letters = ["F", "M"]
    while len(letters) < turns:
        continues = rng.random() < 0.15
        letters.append(letters[-1] if continues else "FM"[letters[-1] == "F"])
    return letters[:turns]


def place(turns: list[Turn], seconds: list[float], rng: np.random.Generator) -> list[tuple[float, float]]:
    """Start (in whole ms, so in whole samples) and end of each turn in seconds, with pauses and interruptions."""
    times, end = [], 0.8
    for i, length in enumerate(seconds):
        cuts_in = i > 0 and turns[i].letter != turns[i - 1].letter and rng.random() < OVERLAP
        start = round(end - min(0.4, length / 4) if cuts_in else end + rng.uniform(0.15, 0.5), 3)
        times.append((start, start + length))
        end = max(end, start + length)
    return times
