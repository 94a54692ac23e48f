"""Log, matrices of emotion and gender, t-SNE and embeddings of a run, in the published format."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from _worlds import CLASSES, world
from conftest import shipped
from sklearn.metrics import classification_report, confusion_matrix

from emospace.analyses import emotion_gender
from emospace.core import plugin, records
from emospace.core.data import Output, Rows
from emospace.core.errors import InputError
from emospace.core.provenance import write_json
from emospace.core.store import Ragged
from emospace.evaluation.predictions import Predictions
from emospace.evaluation.trained_run import Training
from emospace.plan.plan import Plan
from emospace.runs.run_files import write_outputs, write_trained

HISTORY = [
    {"epoch": 1, "dev_loss": 9.5, "dev_accuracy": 0.5, "dev_gender_accuracy": 0.75, "dev_accuracy_copy": 0.25}
    | {"dev_gender_accuracy_copy": float("nan"), "loss": 60.0},
]


def rows_of(names, label) -> Rows:
    unknown, vad = np.full(len(names), -1), np.full((len(names), 3), np.nan)
    store = Ragged(np.zeros((len(names), 1), np.float32), np.arange(len(names) + 1))
    return Rows(list(names), ["s"] * len(names), {"a": store}, label, unknown, vad)


def stored_run(folder, women=0.5, rows=20):
    """A run of one training: dev has a row per test row; every tenth prediction of gender is wrong."""
    truth, predictions, _ = world(6, rows=rows, seeds=1)
    size, draw = len(truth.rows), np.random.default_rng(0)
    female = np.arange(size) < women * size
    told = [replace(row, gender="F" if f else "M") for row, f in zip(truth.rows, female, strict=True)]
    truth, guessed = replace(truth, rows=told), np.where(np.arange(size) % 10, female, ~female)
    predictions = Predictions([3], predictions.probabilities, guessed[None].astype(float))
    names = [row.utterance for row in told]
    sides = {"dev": rows_of([f"d{name}" for name in names], truth.label), "test": rows_of(names, truth.label)}
    written = {}
    for side, one in sides.items():
        lean = np.eye(4)[truth.label] * 3 + draw.normal(size=(size, 4))
        before = Ragged(draw.normal(size=(size, 4)).astype(np.float32), np.arange(size + 1))
        output = Output(predictions.probabilities[0].astype(np.float32), lean.astype(np.float32))
        written[side] = one, replace(output, extras={"before": before})
    write_outputs(folder, CLASSES, written)
    write_trained(folder, SimpleNamespace(state={"w": np.zeros(1)}, history=HISTORY, checkpoints={}))
    write_json(folder / "run.json", {"facts": {"batch": 20}})
    run = {"name": "mine", "classes": CLASSES, "seeds": [3], "truth": truth, "predictions": predictions}
    run["trainings"] = [Training("fold0", 3, folder, {})]
    run["rows"] = lambda training: SimpleNamespace(dev=sides["dev"])
    return SimpleNamespace(**run)


@pytest.fixture
def analysed(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "out").mkdir()

    def analyse(published=(), **options):
        run = stored_run(tmp_path / "run", **options)
        return run, emotion_gender.analyse(run, tmp_path / "out", seed=1, published=published), tmp_path / "out"

    return analyse


def test_all_products_are_written_in_the_published_format(analysed):
    run, facts, out = analysed(published=(96.66, 97.36))
    assert sorted(path.name for path in out.iterdir()) == sorted(emotion_gender.OUTPUTS)
    log = (out / "result.txt").read_text()
    assert log.startswith("Epoch: 1, Training Loss: 3.0000\nEpoch: 1, Validation Loss: 9.5000\n")
    assert (
        "Validation Emotion Accuracy: 0.5000, Validation Gender Accuracy: 0.7500, Validation Emotion Accuracy Aug"
        in log
    )
    guess = run.predictions.probabilities[0].argmax(1)
    matrix = confusion_matrix(run.truth.label, guess)
    assert f"Emotion Confusion Matrix:\n{matrix}" in log
    assert classification_report(run.truth.label, guess, target_names=CLASSES, digits=5) in log
    assert "Test Gender Accuracy: 0.9000" in log and facts["gender_accuracy"] == pytest.approx(0.9)
    assert facts["emotion_accuracy"] == pytest.approx((guess == run.truth.label).mean())
    cells = {(line["label"], line["predicted"]): line for line in records.read(out / "gender.csv")}
    assert [cells["F", k]["published"] for k in "FM"] == ["96.66", "3.34"] and cells["M", "M"]["published"] == "97.36"
    assert cells["F", "F"]["percent"] == "90.00" and sum(int(line["n"]) for line in cells.values()) == 120
    assert sum(int(line["n"]) for line in records.read(out / "emotion.csv")) == 120


def test_embeddings_and_their_pictures_are_of_both_sides(analysed):
    _, facts, out = analysed()
    values, lines = np.load(out / "unified_embeddings.npy"), records.read(out / "unified_embeddings.csv")
    assert values.shape == (240, 4) and [line["split"] for line in lines] == ["dev"] * 120 + ["test"] * 120
    assert facts["projection"] == "t-SNE" and lines[120]["utterance"] == "S00_0"
    pictures = [(out / name).read_text() for name in ("tsne_before.svg", "tsne_after.svg")]
    assert pictures[0] != pictures[1] and all("<svg" in picture for picture in pictures)


def test_rows_of_one_gender_leave_the_other_line_empty(analysed):
    _, facts, out = analysed(women=1.0, rows=4, published=(96.66, 97.36))
    cells = records.read(out / "gender.csv")
    assert [line["percent"] for line in cells] == ["87.50", "12.50", "", ""]
    assert facts["projection"] == "PCA"


def test_a_run_without_gender_and_odd_published_figures_are_refused(tmp_path):
    run = stored_run(tmp_path)
    run.predictions = replace(run.predictions, gender=None)
    with pytest.raises(InputError, match="predicts no gender"):
        emotion_gender.analyse(run, tmp_path, seed=1)
    with pytest.raises(InputError, match="it has 1 figures"):
        emotion_gender.check_analyse(published=(96.66,))


def test_it_suits_models_that_store_the_embedding_before_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = shipped("config.yaml")
    config["runs"]["published"] = config["runs"]["unified"] | {"model": "cross_modal", "epochs": 1}
    plan = Plan(config | {"analyses": {"emotion_gender": {}}})
    assert plan.config["analyses"]["emotion_gender"]["runs"] == ["published"]
    assert plugin.find("analyses", "emotion_gender").OUTPUTS == emotion_gender.OUTPUTS
