"""LSTM classifiers on features, words, or both.

Covers: models/_lstm, models/_word_vectors.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from _light import CLASSES, fold
from conftest import shipped

from emospace.core import plugin
from emospace.core.data import Fold
from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.models import _table, _word_vectors
from emospace.models._lstm import WordLstm
from emospace.plan.plan import Plan
from emospace.runs.applying import ask, learn

SMALL = {"hidden": 16, "embedding": 12, "epochs": 40, "patience": 40, "batch": 32, "lr": 0.02, "min_df": 2}
TRUTH = np.arange(30) % 3


def only(data: Fold, *names: str) -> Fold:
    sides = [replace(s, inputs={name: s.inputs[name] for name in names}) for s in (data.train, data.dev, data.test)]
    return Fold(CLASSES, *sides)


def trained(data: Fold, folder, **options):
    module, options = plugin.find("models", "light_lstm"), SMALL | options
    model = learn(module, data, options, seed=1, checkpoint=folder)
    return model, lambda side: ask(module, model, side, options).probabilities


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        (["audio.acoustic8"], {}),
        (["text"], {"bidirectional": True}),
        (["audio.acoustic8", "text"], {"bidirectional": True, "softmax_twice": True}),
    ],
)
def test_it_learns_from_each_modality_and_keeps_the_best_epoch_on_dev(tmp_path, inputs, options):
    data = only(fold(), *inputs)
    model, apply = trained(data, tmp_path, **options)
    values = apply(data.test)
    assert np.allclose(values.sum(1), 1, atol=1e-5) and (values.argmax(1) == TRUTH).mean() > 0.8
    scores = [line["dev_accuracy"] for line in model.history]
    assert scores[model.facts["epoch"] - 1] == max(scores) == model.facts["dev_accuracy"]
    assert (apply(data.dev).argmax(1) == TRUTH).mean() == pytest.approx(max(scores))


def test_padding_is_never_read():
    torch.manual_seed(0)
    network = WordLstm(2, 8, True, 0.0, 3, 6, 10).eval()
    words = torch.tensor([[3, 4, 5, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    with torch.no_grad():
        assert torch.allclose(network(words)[0], network(words[:1, :3])[0], atol=1e-6)
        assert network(words).isfinite().all()


def test_few_rows_a_missing_class_no_dev_rows_and_no_rows(tmp_path):
    data = fold(train=7)
    two = replace(data, train=data.train.take(np.flatnonzero(data.train.label < 2)), dev=data.dev.take([]))
    model, apply = trained(two, tmp_path, min_df=1, epochs=3)
    assert model.facts["epoch"] == 3 and model.facts["dev_accuracy"] is None
    assert np.isfinite(apply(data.test)).all() and apply(data.test.take([])).shape == (0, 3)


@pytest.mark.parametrize(("texts", "reason"), [("", "no train row has a text"), ("once", "no word occurs in 200")])
def test_unusable_texts_are_refused(tmp_path, texts, reason):
    data = only(fold(), "text")
    train = replace(data.train, inputs={"text": [texts] * 90})
    with pytest.raises(InputError, match=reason):
        trained(replace(data, train=train), tmp_path, min_df=200)


VECTORS = "furious 1 0 0\nparty 0 1 0\nunused 9 9 9\nfurious 5 5 5\n"


def test_embeddings_start_from_given_vectors(tmp_path):
    (tmp_path / "v.txt").write_text(VECTORS)
    rates = {"epochs": 1, "lr": 1e-12}
    model, apply = trained(only(fold(), "text"), tmp_path / "a", vectors=str(tmp_path / "v.txt"), **rates)
    assert model.facts["architecture"]["embedding"] == 3 and model.facts["words_with_vectors"] == 2
    place = {word: i for i, word in enumerate(_table.vocabulary(_table.part("table", model.state)), 2)}
    weights = model.state["network.embedding.weight"]
    np.testing.assert_allclose(weights[[place["furious"], place["party"]]], np.eye(3)[:2], atol=1e-6)
    assert "unused" not in place
    (tmp_path / "v.txt").unlink()  # a trained model does not need the file
    assert np.isfinite(apply(only(fold(), "text").test)).all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("other 1 2\n", "none of the words"),
        ("", "none of the words"),
        ("furious 1 2\nparty 1\n", "line 2 has 1 numbers, line 1 has 2"),
        ("furious 1 x\n", "line 1 has a value that is not a number"),
        ("furious 1 nan\n", "not finite"),
        ("4 2\nfurious 1 2\n", ""),
    ],
)
def test_a_file_of_vectors_with_faults_is_refused_and_a_header_is_skipped(tmp_path, text, reason):
    path = tmp_path / "v.txt"
    path.write_text(text)
    if not reason:
        assert list(_word_vectors.read(path, {"furious"})) == ["furious"]
        return
    with pytest.raises(InputError, match=reason):
        _word_vectors.read(path, {"furious", "party"})


def test_vectors_do_not_suit_a_run_that_reads_a_feature(tmp_path):
    (tmp_path / "v.txt").write_text(VECTORS)
    with pytest.raises(InputError, match="does not read words"):
        trained(fold(), tmp_path, vectors=str(tmp_path / "v.txt"))


def test_a_changed_file_of_vectors_trains_its_run_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.txt").write_text(VECTORS)
    config = shipped("config.yaml")
    config["runs"]["lstm"] = {"model": "light_lstm", "protocol": "session", "inputs": ["text"], "vectors": "v.txt"}
    before = Plan(config).recipes
    assert read_json(before["train", "lstm"])["files"].keys() == {"v.txt"}
    (tmp_path / "v.txt").write_text(VECTORS + "lovely 0 0 1\n")
    after = Plan(config).recipes
    assert {key for key in before if before[key] != after[key]} == {("train", "lstm")}
    (tmp_path / "v.txt").unlink()
    with pytest.raises(InputError, match=r"v\.txt: no such file"):
        Plan(config)
