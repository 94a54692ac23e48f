"""Stored states are validated without training, and the curves of a training are drawn.

Covers: analyses/curves.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from _light import CLASSES, fold

from emospace.analyses import curves, validation
from emospace.core import plugin, records
from emospace.core.errors import InputError
from emospace.core.provenance import write_json
from emospace.evaluation.trained_run import Training
from emospace.runs.applying import ask, learn
from emospace.runs.run_files import write_trained

OPTIONS = {"widths": [8], "epochs": 6, "min_df": 2, "lr": 0.01}
LABEL = np.arange(30) % 3


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    """A trained fused CNN with its files, as an analysis sees it."""
    folder, data, module = tmp_path_factory.mktemp("run") / "fold0-1", fold(), plugin.find("models", "fused_cnn")
    trained = learn(module, data, OPTIONS, seed=1, checkpoint=folder)
    write_trained(folder, trained)
    recipe = {"plugin": "fused_cnn", "options": OPTIONS, "inputs": list(data.test.inputs)}
    write_json(folder / "run.json", {"recipe": recipe, "facts": trained.facts, "classes": CLASSES})
    output = ask(module, trained, data.test, OPTIONS)
    run = {
        "name": "cnn",
        "inputs": list(data.test.inputs),
        "classes": CLASSES,
        "seeds": [1],
        "trainings": [Training("fold0", 1, folder, {})],
    }
    run |= {"truth": SimpleNamespace(label=LABEL), "device": "cpu", "weights": None, "data": data, "folder": folder}
    run |= {"predictions": SimpleNamespace(probabilities=output.probabilities[None])}
    return SimpleNamespace(**run, rows=lambda training: data, places=lambda training: list(range(30)))


def test_both_states_are_applied_and_scored(validated, tmp_path, monkeypatch):
    monkeypatch.setattr(plugin.find("models", "fused_cnn"), "train", lambda *_, **__: pytest.fail("it was trained"))
    facts = validation.analyse(validated, tmp_path, seed=1)
    assert facts == {"states": ["model", "best_loss"], "unlike_stored": 0}
    model, lowest = records.read(tmp_path / "validation.csv")
    predicted = validated.predictions.probabilities[0].argmax(1)
    assert float(model["accuracy"]) == pytest.approx((predicted == LABEL).mean(), abs=1e-4)
    assert (model["state"], lowest["state"], model["fold"], model["n"]) == ("model", "best_loss", "fold0", "30")


def test_rows_that_differ_from_the_stored_predictions_are_counted(validated, tmp_path):
    values = np.roll(validated.predictions.probabilities, 1, axis=2)
    other = SimpleNamespace(**{**vars(validated), "predictions": SimpleNamespace(probabilities=values)})
    assert validation.analyse(other, tmp_path, seed=1)["unlike_stored"] == 30


def test_rows_without_an_input_of_the_run_are_refused(validated, tmp_path):
    data = replace(validated.data, test=validated.data.test.only("text"))
    other = SimpleNamespace(**{**vars(validated), "rows": lambda training: data})
    with pytest.raises(InputError, match=r"cnn: the rows lack the input 'audio\.acoustic8'"):
        validation.analyse(other, tmp_path, seed=1)


def test_curves_have_a_line_per_column_and_the_same_bytes(validated, tmp_path):
    assert curves.analyse(validated, tmp_path, seed=1) == {"trainings": 1, "epochs": 6}
    first = {name: (tmp_path / name).read_text(encoding="utf-8") for name in curves.OUTPUTS}
    assert "fold0-1 dev_loss" in first["loss.svg"] and "fold0-1 loss" in first["loss.svg"]
    assert "fold0-1 dev_accuracy" in first["accuracy.svg"]
    curves.analyse(validated, tmp_path, seed=1)
    assert first == {name: (tmp_path / name).read_text(encoding="utf-8") for name in curves.OUTPUTS}
    (validated.folder / "history.csv").write_text("epoch\n", encoding="utf-8")
    with pytest.raises(InputError, match="records no history"):
        curves.analyse(validated, tmp_path, seed=1)
