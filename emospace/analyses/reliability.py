"""Reliability diagram: accuracy against confidence (DeGroot and Fienberg 1983)."""

from pathlib import Path

import numpy as np

from emospace.core import records
from emospace.core.option_types import Count

OUTPUTS = ("reliability.svg", "reliability.csv")
ENVIRONMENT = "report"
PACKAGES = ("numpy", "matplotlib")
COLUMNS = ["from", "to", "n", "confidence", "right"]


def analyse(run, out: Path, *, seed: int, bins: Count = 10) -> dict:
    """Write reliability.csv and draw it in reliability.svg: test rows of all seeds, binned by confidence.

    Confidence is the largest probability of a row. bins: number of bins of equal width. The facts hold the expected
    calibration error (ECE), the mean over rows of |confidence - accuracy| of their bins.
    """
    lines = binned(run.predictions.probabilities, run.truth.label, bins)
    records.write(out / OUTPUTS[1], COLUMNS, map(_cells, lines))
    (out / OUTPUTS[0]).write_text(_diagram(lines), encoding="utf-8")
    return {"ECE": calibration_error(lines)}


def binned(probabilities: np.ndarray, label: np.ndarray, bins: int) -> list[dict]:
    """Each non-empty bin: bounds, number of rows, mean confidence, accuracy. probabilities: (seeds, N, C)."""
    confidence, right = probabilities.max(-1).ravel(), (probabilities.argmax(-1) == label).ravel()
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "from": k / bins,
            "to": (k + 1) / bins,
            "n": int((index == k).sum()),
            "confidence": float(confidence[index == k].mean()),
            "right": float(right[index == k].mean()),
        }
        for k in sorted(set(index))
    ]


def _cells(line: dict) -> dict:
    """Integers unchanged, other numbers with six significant digits."""
    return {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in line.items()}


def calibration_error(lines: list[dict]) -> float | None:
    """Expected calibration error: the mean over rows of |confidence - accuracy|; None without rows."""
    if not lines:
        return None
    return sum(line["n"] * abs(line["confidence"] - line["right"]) for line in lines) / sum(line["n"] for line in lines)


def _diagram(lines: list[dict]) -> str:
    """The diagram as SVG; the same lines give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    from emospace.evaluation.figures import COLOURS, plain_svg

    with matplotlib.rc_context({"svg.hashsalt": "emospace", "font.size": 9}):
        figure = Figure(figsize=(3.6, 3.4))
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color="#8c8c8c", linestyle="--", linewidth=1)
        axes.plot([line["confidence"] for line in lines], [line["right"] for line in lines], "o-", color=COLOURS[0])
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy", aspect="equal")
        return plain_svg(figure)
