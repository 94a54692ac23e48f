"""Scores on train and test rows: pooled over trainings, beside published ones."""

import csv
import io
from types import SimpleNamespace

import numpy as np
import pytest

from emospace.analyses import sides
from emospace.core.data import Output
from emospace.core.errors import InputError

CLASSES = ["ang", "neu", "sad"]


def run(train, test):
    """A run with two trainings. train: labels of each fold; test: labels of all; predictions are right for ang only."""
    rows = [SimpleNamespace(label=np.array(label)) for label in train]
    trainings = [SimpleNamespace(k=k) for k in range(len(train))]
    one = lambda label: np.tile([0.8, 0.1, 0.1], (len(label), 1))  # noqa: E731
    predictions = SimpleNamespace(probabilities=one(test)[None])
    facts = {"classes": CLASSES, "trainings": trainings, "truth": SimpleNamespace(label=np.array(test))}
    facts |= {"rows": lambda t: SimpleNamespace(train=rows[t.k]), "apply": lambda t, part: Output(one(part.label))}
    return SimpleNamespace(**facts, predictions=predictions)


def table(folder) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "sides.csv").read_text())))


def test_train_rows_of_all_folds_are_pooled_and_published_scores_stand_beside(tmp_path):
    published = {"README": (77.72, 78.31), "notebook": (73.10, 74.36, None, 50.0)}
    facts = sides.analyse(run([[0, 0, 1], [0, 2]], [0, 1]), tmp_path, seed=1, published=published)
    train, test, readme, notebook = table(tmp_path)
    assert (train["n"], train["WA"], train["UA"]) == ("5", "0.6000", "0.3333") and facts["train"]["WA"] == "0.6000"
    assert (train["accuracy_ang"], train["accuracy_neu"], train["accuracy_sad"]) == ("1.0000", "0.0000", "0.0000")
    assert float(train["loss"]) == pytest.approx(-(3 * np.log(0.8) + 2 * np.log(0.1)) / 5, abs=1e-4)
    assert (test["n"], test["WA"], test["UA"], test["accuracy_sad"]) == ("2", "0.5000", "0.5000", "")
    assert (readme["side"], readme["source"], readme["WA"], readme["UA"]) == ("test", "README", "0.7772", "0.7831")
    assert (notebook["accuracy_ang"], notebook["accuracy_neu"]) == ("", "0.5000") and notebook["loss"] == ""


def test_without_test_rows_the_cells_are_empty(tmp_path):
    sides.analyse(run([[0, 1]], []), tmp_path, seed=1)
    assert table(tmp_path)[1] | {"n": "0", "WA": "", "loss": ""} == table(tmp_path)[1]


def test_a_source_without_figures_and_a_model_that_reads_outputs_are_refused():
    with pytest.raises(InputError, match="published: x: it has no figures"):
        sides.check_analyse(published={"x": ()})
    assert not sides.suits(SimpleNamespace(INPUTS=("run",)), []) and sides.suits(SimpleNamespace(), [])
