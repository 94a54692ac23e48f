"""The fused CNN: its network, its two states, resuming, and unusable data.

Covers: models/_resnet.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from _light import CLASSES, fold

from emospace.core import plugin
from emospace.core.data import Trained
from emospace.core.errors import InputError
from emospace.models import fused_cnn
from emospace.models._resnet import ResNet
from emospace.runs.applying import ask, learn

SMALL = {"widths": [8, 16], "epochs": 12, "min_df": 2, "lr": 0.01, "batch": 16}
TRUTH = np.arange(30) % 3


def trained(data, folder, **options):
    module, options = plugin.find("models", "fused_cnn"), SMALL | options
    model = learn(module, data, options, seed=1, checkpoint=folder)
    return model, lambda side, one=model: ask(module, replace(one, checkpoints={}), side, options).probabilities


def test_it_has_the_published_number_of_parameters_and_takes_any_length():
    network = ResNet(6)
    assert sum(p.numel() for p in network.parameters()) == 15_398_854
    with torch.no_grad():
        assert [network.eval()(torch.zeros(1, size)).shape for size in (40, 2740)] == [(1, 6)] * 2


def test_it_learns_and_keeps_the_states_of_the_best_accuracy_and_the_least_loss(tmp_path):
    data = fold()
    model, apply = trained(data, tmp_path)
    assert (apply(data.test).argmax(1) == TRUTH).mean() > 0.6 and np.allclose(apply(data.test).sum(1), 1, atol=1e-5)
    accuracy, loss = ([line[name] for line in model.history] for name in ("dev_accuracy", "dev_loss"))
    assert accuracy[model.facts["epoch"] - 1] == max(accuracy) == (apply(data.dev).argmax(1) == TRUTH).mean()
    assert loss[model.facts["best_loss_epoch"] - 1] == min(loss)
    lowest = Trained(model.checkpoints["best_loss"], CLASSES, facts=model.facts)
    values = apply(data.dev, lowest)[np.arange(30), TRUTH]
    assert -np.log(values).mean() == pytest.approx(min(loss), abs=1e-5)


def test_the_state_of_the_least_loss_survives_a_kill(tmp_path, monkeypatch):
    data = fold()
    data = replace(data, dev=replace(data.dev, label=(data.dev.label + 1) % 3))  # the loss rises with each epoch
    whole, _ = trained(data, tmp_path / "whole")
    assert whole.facts["best_loss_epoch"] < 6  # the state to restore is from before the kill
    calls, scores = [], fused_cnn._scores

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return scores(*arguments)

    monkeypatch.setattr(fused_cnn, "_scores", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "killed")
    again, _ = trained(data, tmp_path / "killed")
    for name, value in whole.checkpoints["best_loss"].items():
        assert np.array_equal(value, again.checkpoints["best_loss"][name]), name
    assert all(np.array_equal(value, again.state[name]) for name, value in whole.state.items())


def test_few_rows_a_missing_class_and_no_dev_rows(tmp_path):
    data = fold(train=7)
    two = replace(data, train=data.train.take(np.flatnonzero(data.train.label < 2)), dev=data.dev.take([]))
    model, apply = trained(two, tmp_path, epochs=2, min_df=1)
    assert model.facts["epoch"] == model.facts["best_loss_epoch"] == 2 and model.facts["dev_loss"] is None
    assert np.isfinite(apply(data.test)).all() and apply(data.test.take([])).shape == (0, 3)
    one = replace(data, train=data.train.take([0]))
    with pytest.raises(InputError, match="normalisation needs two"):
        trained(one, tmp_path / "one", min_df=1)
