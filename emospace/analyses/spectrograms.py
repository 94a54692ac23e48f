"""Sample spectrograms: a grid of the first test rows of each class that have an image."""

from pathlib import Path

import numpy as np

from emospace.core.errors import InputError
from emospace.core.option_types import Count
from emospace.core.store import Ragged

OUTPUTS = ("spectrograms.png",)
ENVIRONMENT = "report"
PACKAGES = ("numpy", "matplotlib")
RATIO = 1.1  # width of a picture relative to its height


def analyse(run, out: Path, *, seed: int, samples: Count = 2) -> dict:
    """Draw `samples` rows of each class from the first training, time to the right and frequency upwards.

    Raises InputError if no test row has an image.
    """
    training = run.trainings[0]
    rows, label = run.rows(training).test, run.truth.label[run.places(training)]
    stores = [store for store in rows.inputs.values() if isinstance(store, Ragged)]
    chosen = [
        (run.classes[k], [i for i in np.flatnonzero(label == k) if stores and len(stores[0][i])][:samples])
        for k in range(len(run.classes))
    ]
    if not any(indices for _, indices in chosen):
        raise InputError(run.name, "no test row has an image", "leave it out of the runs of this analysis")
    images = [(name, rows.utterances[i], np.asarray(stores[0][i]).T) for name, indices in chosen for i in indices]
    _draw(images, samples, out / OUTPUTS[0])
    return {"fold": training.fold, "utterances": [utterance for _, utterance, _ in images]}


def _draw(images: list[tuple[str, str, np.ndarray]], columns: int, path: Path) -> None:
    from matplotlib.figure import Figure

    lines = -(-len(images) // columns)
    figure = Figure(figsize=(2.2 * RATIO * columns, 2.4 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (name, utterance, image) in zip(grid.flat, images, strict=False):
        axes.imshow(image, origin="lower", aspect="auto", cmap="magma")
        axes.set_title(f"{name}\n{utterance}", fontsize=7, parse_math=False)
    figure.savefig(path, dpi=100, metadata={"Software": None})
