"""LSTM classifiers on features, words, or both.

Covers: models/_lstm.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from _light import CLASSES, fold

from emospace.core import plugin
from emospace.core.data import Fold
from emospace.core.errors import InputError
from emospace.models._lstm import WordLstm
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
