"""Simulated corpora with two systems for tests of intervals: truth, predictions, and a reference resampler."""

import numpy as np
from conftest import utterance

from emospace.evaluation.clusters import clusters
from emospace.evaluation.predictions import Predictions, Truth

CLASSES = ["ang", "hap", "neu"]


def world(speakers: int, rows: int = 30, seeds: int = 3, spread: float = 0.8, shared: bool = False, number: int = 0):
    """Return truth and predictions of two systems. Speakers differ in skill; with `shared`, two form a session."""
    random = np.random.default_rng([number, speakers])
    names = [f"S{k:02d}" for k in range(speakers)]
    places = [(s, f"d{k // 2}" if shared else f"d{k} alone") for k, s in enumerate(names)]
    told = [
        utterance(f"{s}_{i}", speaker=s, dialogue=d, session=d, label=CLASSES[i % 3])
        for s, d in places
        for i in range(rows)
    ]
    label, speaker = np.array([i % 3 for _ in names for i in range(rows)]), np.repeat(np.arange(speakers), rows)
    about = {"fold": np.repeat("fold0", len(told)), "repeated": np.zeros(len(told), bool)}
    skill = random.normal(0, spread, speakers)
    found = []
    for gain in (0.35, 0.0):
        own = skill + random.normal(gain, 0.3, speakers) + random.normal(0, 0.15, (seeds, 1))
        right = random.random((seeds, len(told))) < 1 / (1 + np.exp(-np.repeat(own, rows, axis=1)))
        guess = np.where(right, label, (label + 1) % 3)
        found.append(Predictions(list(range(seeds)), np.eye(3)[guess]))
    return Truth(CLASSES, told, label, speaker=speaker, speakers=names, clusters=clusters(told), **about), *found


def plain_ua(label: np.ndarray, guess: np.ndarray) -> float:
    return float(np.mean([(guess[label == k] == k).mean() for k in range(3) if (label == k).any()]))


def rows_of(groups: np.ndarray, drawn) -> np.ndarray:
    return np.concatenate([np.flatnonzero(groups == g) for g in drawn])


def plain_values(label: np.ndarray, systems: list[np.ndarray], kept: np.ndarray) -> float:
    """Mean UA over the seeds of the first system, minus that of the second if given. kept: rows, possibly repeated."""
    first, *other = [np.mean([plain_ua(label[kept], guess[kept]) for guess in guesses]) for guesses in systems]
    return first - other[0] if other else first
