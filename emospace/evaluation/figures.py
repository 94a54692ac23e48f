"""Figures of the report as inline SVG: training curves and the map of the unified space.

matplotlib draws them with the same bytes each time. Text remains text, in the page's font and colour, so figures follow
the reader's light or dark theme and screen readers can read them.
"""

import io
import re
from collections.abc import Sequence
from itertools import cycle

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, LINE = "#010203", "#040506"  # placeholders, replaced in the SVG by the page's own colours
# Okabe and Ito (2008), safe for colour-blind readers; grey in place of black, which would vanish on a dark page.
COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c8c8c", "#f0e442"]
MARKERS = {"F": "o", "M": "^", "": "s"}
GENDERS = {"F": "female", "M": "male", "": "gender unknown"}
NAMES = {"loss": "training loss", "train_loss": "training loss", "dev_loss": "dev loss", "dev_ua": "dev UA"}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "emospace",
    "text.parse_math": False,  # a class name may contain "$"
    "font.size": 9,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "grid.alpha": 0.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "figure.dpi": 100,
}
RASTER = 1500  # points; beyond this number, an embedded bitmap is smaller than a mark for each point
PERPLEXITY = 30


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name; the same names always get the same colours."""
    return dict(zip(names, cycle(COLOURS), strict=False))


def plain_svg(figure: Figure) -> str:
    """The figure as an SVG file; byte-stable if `svg.hashsalt` is set."""
    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, bbox_inches="tight", metadata=no_metadata)
    return buffer.getvalue()


def _svg(figure: Figure) -> str:
    """The figure as an <svg> element, without the ids that matplotlib gives to every group."""
    svg = plain_svg(figure)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg[svg.index("<svg") :])
    return svg.replace(INK, "currentColor").replace(LINE, "var(--line)").strip()


def curves(histories: dict[str, list[dict[str, float]]], chosen: dict[str, float]) -> list[tuple[str, str]]:
    """(title, SVG) for each curve in the histories: training loss, dev loss, dev UA.

    histories: <fold>-<seed> -> rows of history.csv, whose first column is the abscissa. chosen: <fold>-<seed> -> the
    abscissa of the chosen state, marked by a dot.
    """
    rows = next((history for history in histories.values() if history), [{}])
    columns = [name for name in NAMES if name in rows[0]]
    return [(NAMES[column], _curve(histories, chosen, column)) for column in columns]


def _curve(histories: dict, chosen: dict, column: str) -> str:
    palette = colours(sorted({name.split("-")[0] for name in histories}))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.6, 2.5))
        axes = figure.add_subplot()
        for name, history in histories.items():
            if history:
                _line(axes, history, column, palette[name.split("-")[0]], chosen.get(name))
        _abscissa(axes, next(history for history in histories.values() if history))
        axes.set(ylabel=NAMES[column])
        for name, colour in palette.items():
            axes.plot([], [], color=colour, label=name)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), handlelength=1.2)
        return _svg(figure)


def _abscissa(axes: Axes, history: list[dict[str, float]]) -> None:
    x = next(iter(history[0]))
    axes.set(xlabel=x)
    if x != "epoch":  # candidate values, such as regularisation strengths, are spaced logarithmically
        candidates = [row[x] for row in history]
        axes.set(xscale="log")
        axes.set_xticks(candidates, [f"{value:g}" for value in candidates])
        axes.minorticks_off()


def _line(axes: Axes, history: list[dict[str, float]], column: str, colour: str, chosen: float | None) -> None:
    x = next(iter(history[0]))
    axes.plot([row[x] for row in history], [row[column] for row in history], color=colour, linewidth=1.2)
    best = [row for row in history if row[x] == chosen]
    axes.plot([row[x] for row in best], [row[column] for row in best], "o", color=colour, markersize=5)


def flat_map(embeddings: np.ndarray) -> tuple[np.ndarray, str]:
    """An embedding (N, E) projected to (N, 2), and the method: t-SNE, or PCA for few rows."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(embeddings) <= 3 * PERPLEXITY:
        return PCA(2, svd_solver="full").fit_transform(embeddings), "PCA"
    with threadpool_limits(1):  # sums over several threads differ in the last digit, and t-SNE amplifies that
        return TSNE(perplexity=PERPLEXITY, init="pca", random_state=0).fit_transform(embeddings), "t-SNE"


def space_map(points: np.ndarray, labels: Sequence[str], genders: Sequence[str], classes: Sequence[str]) -> str:
    """SVG of points (N, 2): colour shows the class, marker shape the gender."""
    palette, labels, genders = colours(classes), np.array(labels), np.array(genders)
    size = np.clip(6000 / len(points), 10, 40)  # area of a marker, pt^2
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(4.6, 3.9))
        axes = figure.add_subplot()
        for gender, marker in MARKERS.items():
            for name, colour in palette.items():
                group = points[(labels == name) & (genders == gender)]
                style = {"s": size, "c": colour, "marker": marker, "alpha": 0.8, "linewidths": 0}
                axes.scatter(group[:, 0], group[:, 1], rasterized=len(points) > RASTER, **style)
        for name, colour in palette.items():
            axes.plot([], [], "o", color=colour, label=name)
        for gender in sorted(set(genders)):
            axes.plot([], [], MARKERS[gender], color=INK, label=GENDERS[gender])
        axes.set(xticks=[], yticks=[])
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), handlelength=1)
        return _svg(figure)
