"""What DVC compares and plots: numbers of every run, tables of its predictions and of its training curve."""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from emospace.evaluation.predictions import read_table
from emospace.evaluation.summary_table import write_columns
from emospace.runs.run_files import read_history


def numbers(cells: dict) -> dict:
    """Metric -> its value, interval and spread over seeds, as far as they are defined."""
    kept = ("value", "lo", "hi", "seed_sd")
    return {name: {k: cell[k] for k in kept if cell.get(k) is not None} for name, cell in cells.items()}


def curve(histories: Sequence[list[dict[str, float]]]) -> list[dict]:
    """Dev score by step (an epoch, or a candidate tried): the mean over the folds and seeds that got that far."""
    # A model's history may lack this column, or have an epoch without a number in it.
    columns = [[row.get("dev_ua", math.nan) for row in history] for history in histories]
    scores = [[value for value in column if math.isfinite(value)] for column in columns]
    steps = [[value for value in step if value is not None] for step in zip_longest(*scores)]
    return [{"step": k, "dev_ua": sum(values) / len(values)} for k, values in enumerate(steps, 1)]


def write_plots(folder: Path, predictions: Sequence[Path], histories: Sequence[Path]) -> list[Path]:
    """Write the tables of every run and remove all others; returns the paths written.

    predictions: .../<run>/predictions.csv. histories: .../<run>/<fold>-<seed>/history.csv.
    """
    of_run, written = defaultdict(list), []
    for path in histories:
        of_run[path.parts[-3]].append(read_history(path.parent))
    for path in predictions:
        written.append(folder / "confusion" / f"{path.parent.name}.predictions.csv")
        write_columns(written[-1], ["label", "predicted"], read_table(path))
    for name, tables in of_run.items():
        written.append(folder / "training" / f"{name}.history.csv")
        write_columns(written[-1], ["step", "dev_ua"], curve(tables))
    _remove_others(folder, written)
    return written


def _remove_others(folder: Path, written: list[Path]) -> None:
    """Remove tables of runs that the config no longer has: `dvc plots` would draw them too."""
    tables = [*folder.glob("confusion/*.predictions.csv"), *folder.glob("training/*.history.csv")]
    for path in set(tables) - set(written):
        path.unlink()
