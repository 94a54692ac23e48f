"""Map of a run's space: the test rows of its first training in two dimensions, by emotion and by speaker."""

from pathlib import Path

import numpy as np

from emospace.analyses._space import directions, silhouette
from emospace.core import records
from emospace.runs.run_files import read_outputs

OUTPUTS = ("space_map.svg", "space_map.csv")
ENVIRONMENT = "report"
PACKAGES = ("numpy", "scikit-learn", "matplotlib")
LEAST = 3  # rows: two axes cannot be drawn from fewer


def suits(model, inputs) -> bool:
    """Whether the model stores embeddings."""
    return getattr(model, "EMBEDDINGS", False)


def analyse(run, out: Path, *, seed: int) -> dict:
    """Write space_map.csv (utterance, emotion, speaker, x, y) and draw it in both panels of space_map.svg.

    The stored embeddings of the test rows with any input are projected by t-SNE (PCA for few rows; nothing is drawn for
    fewer than three). Colours show emotions on the left and speakers on the right. The titles and the facts give the
    silhouettes of both in the space itself, by cosine; None where undefined.
    """
    fold = run.trainings[0].fold
    here, points = _tested(run)
    label, speaker = run.truth.label[here], run.truth.speaker[here]
    values = {"emotion": silhouette(points, label), "speaker": silhouette(points, speaker)}
    names = {"emotion": [run.classes[k] for k in label], "speaker": [run.truth.speakers[k] for k in speaker]}
    projected, method = _projected(points)
    columns = {"utterance": [run.truth.rows[i].utterance for i in here], **names}
    columns |= {"x": projected[:, 0], "y": projected[:, 1]}
    lines = zip(*columns.values(), strict=True)
    records.write(
        out / OUTPUTS[1], list(columns), (dict(zip(columns, map(_cell, line), strict=True)) for line in lines)
    )
    (out / OUTPUTS[0]).write_text(_drawn(run, projected, names, values), encoding="utf-8")
    facts = {f"silhouette of {name}s": None if np.isnan(value) else value for name, value in values.items()}
    return facts | {"fold": fold, "projection": method}


def _tested(run) -> tuple[np.ndarray, np.ndarray]:
    """Test rows of the first training that have any input: indices into the truth (N,), and directions (N, E)."""
    training = run.trainings[0]
    stored = read_outputs(training.folder, run.classes, ["embeddings"])
    found = [(i, stored.index["test", run.truth.rows[i].utterance]) for i in _of_fold(run, training.fold)]
    kept = np.array([(i, row) for i, row in found if stored.present[row]], np.int64).reshape(-1, 2)
    return kept[:, 0], directions(stored.values["embeddings"][kept[:, 1]])


def _of_fold(run, fold: str) -> list[int]:
    return np.flatnonzero(run.truth.fold == fold).tolist()


def _projected(points: np.ndarray) -> tuple[np.ndarray, str]:
    """Points (N, 2) and the method of projection; NaN and "" for too few rows."""
    from emospace.evaluation.figures import flat_map

    if len(points) < LEAST or points.shape[1] < 2:
        return np.full((len(points), 2), np.nan), ""
    return flat_map(points)


def _cell(value) -> str:
    return value if isinstance(value, str) else "" if np.isnan(value) else f"{value:.4f}"


def _drawn(run, points: np.ndarray, names: dict[str, list[str]], values: dict[str, float]) -> str:
    """Both panels as SVG; the same points give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    from emospace.evaluation.figures import RASTER, STYLE, plain_svg

    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(9.6, 3.8), layout="constrained")
        for axes, (kind, groups) in zip(figure.subplots(1, 2), names.items(), strict=True):
            axes.set(title=f"by {kind}, silhouette {_silhouette(values[kind])}", xticks=[], yticks=[])
            order = run.classes if kind == "emotion" else sorted(set(groups))
            for name, (colour, marker) in _styles(order).items():
                group = points[np.array(groups, object) == name]
                style = {"s": 16, "c": colour, "marker": marker, "alpha": 0.8, "linewidths": 0, "label": name}
                axes.scatter(group[:, 0], group[:, 1], rasterized=len(points) > RASTER, **style)
            if order:
                axes.legend(loc="upper left", bbox_to_anchor=(1, 1), handlelength=1)
        return plain_svg(figure)


def _silhouette(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.2f}"


def _styles(names: list[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each name; names that share a colour differ in their marker."""
    from emospace.evaluation.figures import COLOURS

    size = len(COLOURS)
    return {name: (COLOURS[k % size], "o^sDvP*X"[k // size % 8]) for k, name in enumerate(names)}
