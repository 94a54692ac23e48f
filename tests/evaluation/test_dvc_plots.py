"""DVC gets the defined numbers of every run, a table of its predictions and a mean training curve, and no others."""

from pathlib import Path

import pytest

from emospace.core import records
from emospace.evaluation.dvc_plots import curve, numbers, write_plots
from emospace.evaluation.predictions import COLUMNS


def test_undefined_numbers_are_left_out():
    cells = {"UA": {"value": 0.0, "lo": None, "hi": 0.7, "clusters": 10}, "MF1": {"value": None}}
    assert numbers(cells) == {"UA": {"value": 0.0, "hi": 0.7}, "MF1": {}}


def test_a_training_curve_is_the_mean_of_the_folds_that_came_so_far():
    histories = [[{"epoch": 1, "dev_ua": 0.2}, {"epoch": 2, "dev_ua": 0.6}], [{"epoch": 1, "dev_ua": 0.4}]]
    assert curve(histories) == [{"step": 1, "dev_ua": pytest.approx(0.3)}, {"step": 2, "dev_ua": pytest.approx(0.6)}]
    assert curve([[], []]) == []  # a model without a training history


def test_a_curve_tolerates_histories_without_a_dev_score():
    assert curve([[{"round": 1.0, "loss": 2.0}], []]) == []
    first, second = [{"dev_ua": 0.5}, {"dev_ua": float("nan")}], [{"dev_ua": 0.7}, {"dev_ua": 0.9}]
    assert curve([first, second]) == [{"step": 1, "dev_ua": pytest.approx(0.6)}, {"step": 2, "dev_ua": 0.9}]


def tables(folder: Path, *runs: str) -> list[Path]:
    """Write plots for these runs from invented results."""
    predictions, histories = [], []
    for run in runs:
        predictions.append(folder / "evaluation" / run / "predictions.csv")
        histories.append(folder / "runs" / run / "fold0-1/history.csv")
        records.write(predictions[-1], COLUMNS, [dict.fromkeys(COLUMNS, "a")])
        records.write(histories[-1], ["dev_ua"], [{"dev_ua": 0.5}])
    return write_plots(folder / "plots", predictions, histories)


def test_plots_of_removed_runs_are_deleted(tmp_path):
    other = tables(tmp_path / "other", "kept", "deleted")
    assert len(tables(tmp_path / "one", "kept", "deleted")) == 4
    notes = [tmp_path / "one/plots/notes.csv", tmp_path / "one/plots/confusion/notes.csv"]  # not made by us
    for path in notes:
        path.touch()
    kept = tables(tmp_path / "one", "kept")
    assert {path for path in (tmp_path / "one/plots").rglob("*") if path.is_file()} == {*kept, *notes}
    assert len(kept) == 2 and all(path.exists() for path in other)
