"""Reliability diagram: how often a run is right, against how sure it says it is (DeGroot and Fienberg 1983)."""

from pathlib import Path

import numpy as np

from emospace.core import records
from emospace.core.option_types import Count

OUTPUTS = ("reliability.svg", "reliability.csv")
ENVIRONMENT = "report"
PACKAGES = ("numpy", "matplotlib")
COLUMNS = ["from", "to", "n", "confidence", "right"]


def analyse(run, out: Path, *, seed: int, bins: Count = 10) -> dict:
    """Draw reliability.svg from reliability.csv: test rows of all seeds, by the largest of their probabilities.

    bins: of equal width. The facts hold the expected calibration error (ECE), the mean distance of both, by rows.
    """
    lines = binned(run.predictions.probabilities, run.truth.label, bins)
    records.write(out / OUTPUTS[1], COLUMNS, map(_cells, lines))
    (out / OUTPUTS[0]).write_text(_drawn(lines), encoding="utf-8")
    return {"ECE": error(lines)}


def binned(probabilities: np.ndarray, label: np.ndarray, bins: int) -> list[dict]:
    """Per bin with any row: its ends, rows, mean confidence, and share that is right. probabilities: (seeds, N, C)."""
    confidence, right = probabilities.max(-1).ravel(), (probabilities.argmax(-1) == label).ravel()
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "from": k / bins,
            "to": (k + 1) / bins,
            "n": int((place == k).sum()),
            "confidence": float(confidence[place == k].mean()),
            "right": float(right[place == k].mean()),
        }
        for k in sorted(set(place))
    ]


def _cells(line: dict) -> dict:
    """Counts as they are, whatever their size; six digits of all else."""
    return {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in line.items()}


def error(lines: list[dict]) -> float | None:
    """Expected calibration error: |confidence - right|, mean over rows; None without any."""
    if not lines:
        return None
    return sum(line["n"] * abs(line["confidence"] - line["right"]) for line in lines) / sum(line["n"] for line in lines)


def _drawn(lines: list[dict]) -> str:
    """The diagram; equal bins, equal bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    from emospace.evaluation.figures import COLOURS, plain_svg

    with matplotlib.rc_context({"svg.hashsalt": "emospace", "font.size": 9}):
        figure = Figure(figsize=(3.6, 3.4))
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color="#8c8c8c", linestyle="--", linewidth=1)
        axes.plot([line["confidence"] for line in lines], [line["right"] for line in lines], "o-", color=COLOURS[0])
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share that is right", aspect="equal")
        return plain_svg(figure)
