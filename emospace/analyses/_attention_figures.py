"""Figures of the analysis `attention`; the same samples give the same bytes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from emospace.evaluation.figures import COLOURS, plain_svg

SOUND, WORDS = COLOURS[0], COLOURS[1]
WIDTH, LINE = 7.0, 1.5  # inches
BINS = np.linspace(0, 1, 21)
PER_LINE = 8  # words of a heat map
POINTS = 2000  # of a waveform
RC = {"svg.fonttype": "none", "svg.hashsalt": "emospace", "font.size": 8, "text.parse_math": False}


def draw(classes: Sequence[str], table: Sequence, shown: Sequence[tuple], rate: int, out: Path) -> None:
    """Write gates.svg, bars.svg, sound.png, strip.png and words.svg. shown: (sample, its int16 samples)."""
    with matplotlib.rc_context(RC):
        (out / "gates.svg").write_text(plain_svg(gates(classes, table)), encoding="utf-8")
        (out / "bars.svg").write_text(plain_svg(bars(classes, [sample for sample, _ in shown])), encoding="utf-8")
        (out / "words.svg").write_text(plain_svg(words(classes, [sample for sample, _ in shown])), encoding="utf-8")
        for name, panel in {"sound.png": sound, "strip.png": strip}.items():
            figure = Figure(figsize=(WIDTH, LINE * len(shown)), layout="constrained")
            for axes, (sample, wave) in zip(
                np.ravel(figure.subplots(len(shown), 1, squeeze=False)), shown, strict=True
            ):
                panel(axes, sample, wave, rate)
                axes.set_title(caption(classes, sample), loc="left")
            figure.savefig(out / name, dpi=100, metadata={"Software": None})


def caption(classes: Sequence[str], sample) -> str:
    """Utterance, predicted and true class."""
    return f"{sample.utterance}: {classes[sample.predicted]}, truth {classes[sample.truth]}"


def gates(classes: Sequence[str], table: Sequence) -> Figure:
    """Histogram of the gate over all samples, stacked by class."""
    figure = Figure(figsize=(4.4, 3.0), layout="constrained")
    axes = figure.add_subplot()
    values = [[s.gate for s in table if s.truth == k and s.gate is not None] for k in range(len(classes))]
    axes.hist(
        values, BINS, stacked=True, label=list(classes), color=[COLOURS[k % len(COLOURS)] for k in range(len(classes))]
    )
    axes.set(xlabel="gate: share of the acoustic side", ylabel="test rows", xlim=(0, 1))
    axes.legend()
    return figure


def bars(classes: Sequence[str], samples: Sequence) -> Figure:
    """Share of each modality, and probability of each class, a line per sample."""
    figure = Figure(figsize=(WIDTH, 1.2 * len(samples)), layout="constrained")
    for (left, right), sample in zip(figure.subplots(len(samples), 2, squeeze=False), samples, strict=True):
        left.barh([0], [sample.gate], color=SOUND)
        left.barh([0], [1 - sample.gate], left=[sample.gate], color=WORDS)
        left.set(xlim=(0, 1), yticks=[])
        left.text(0.01, 0, f"sound {sample.gate:.2f}", va="center")
        left.text(0.99, 0, f"words {1 - sample.gate:.2f}", va="center", ha="right")
        left.set_title(caption(classes, sample), loc="left")
        right.barh(range(len(classes)), sample.probabilities, color=COLOURS[2])
        right.set(xlim=(0, 1), yticks=range(len(classes)), yticklabels=list(classes))
        right.invert_yaxis()
    return figure


def curve(sample, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Times of the acoustic steps, and their weights relative to the largest."""
    times = (np.arange(len(sample.acoustic)) + 0.5) / len(sample.acoustic) * seconds
    return times, sample.acoustic / max(sample.acoustic.max(), 1e-12)


def sound(axes, sample, wave: np.ndarray, rate: int) -> None:
    """The waveform, the acoustic attention above it, and the words between their borders."""
    seconds = len(wave) / rate
    every = max(1, len(wave) // POINTS)
    scaled = wave[::every] / max(1, np.abs(wave.astype(np.int32)).max())
    axes.plot(np.arange(len(scaled)) * every / rate, scaled / 2, color="0.6", linewidth=0.5)
    times, weights = curve(sample, seconds)
    axes.plot(times, weights, color=SOUND, linewidth=1.2)
    for word, start, end in sample.words:
        axes.axvline(start, color="0.3", linewidth=0.5, linestyle=":")
        axes.axvline(end, color="0.3", linewidth=0.5, linestyle=":")
        axes.text((start + end) / 2, 1.05, word, ha="center", va="bottom", fontsize=7)
    axes.set(xlim=(0, seconds), ylim=(-0.6, 1.35), yticks=[])


def strip(axes, sample, wave: np.ndarray, rate: int) -> None:
    """The acoustic attention in grey, dark where it is high."""
    seconds = len(wave) / rate
    weights = curve(sample, seconds)[1][None]
    axes.imshow(weights, cmap="Greys", aspect="auto", extent=(0, seconds, 0, 1), vmin=0, vmax=1)
    axes.set(yticks=[], xlabel="s")


def words(classes: Sequence[str], samples: Sequence) -> Figure:
    """The words of each sample on a background as dark as their lexical attention."""
    lines = [1 + -(-len(sample.words) // PER_LINE) for sample in samples]
    figure = Figure(figsize=(WIDTH, 0.35 * sum(lines) + 0.2))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, PER_LINE), ylim=(sum(lines) + 0.2, -0.2))
    axes.set_axis_off()
    top = 0
    for sample, count in zip(samples, lines, strict=True):
        axes.text(0.05, top + 0.5, f"{caption(classes, sample)} ([CLS] {sample.lexical[0]:.2f})", va="center")
        for k, ((word, *_), weight) in enumerate(zip(sample.words, sample.lexical[1:], strict=True)):
            x, y = k % PER_LINE, top + 1 + k // PER_LINE
            shade = float(weight / max(sample.lexical[1:].max(), 1e-12))
            axes.add_patch(matplotlib.patches.Rectangle((x + 0.02, y + 0.05), 0.96, 0.9, color=WORDS, alpha=shade))
            axes.text(x + 0.5, y + 0.5, word, ha="center", va="center", fontsize=7)
        top += count
    return figure
