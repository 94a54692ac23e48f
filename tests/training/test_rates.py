"""The learning rate follows its schedule, and falls on a plateau exactly as torch's ReduceLROnPlateau does."""

import math

import pytest
import torch

from emospace.training.rates import Plateau, learning_rate


@pytest.mark.parametrize(
    ("decay", "rates"),
    [
        ("cosine", [0.5, 1.0, 1.0, 0.75, 0.25]),
        ("linear", [0.5, 1.0, 1.0, 2 / 3, 1 / 3]),
        ("step", [0.5, 1.0, 1.0, 0.1, 0.01]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_learning_rate_rises_and_then_decays(decay, rates):
    assert [learning_rate(step, 5, 0.4, decay) for step in range(5)] == pytest.approx(rates)
    assert learning_rate(0, 5, 0.0, decay) == 1.0


@pytest.mark.parametrize(("watch", "mode"), [("dev_loss", "min"), ("dev_accuracy", "max")])
@pytest.mark.parametrize("patience", [0, 1, 3])
def test_a_plateau_reduces_the_rate_as_torch_does(watch, mode, patience):
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, mode, factor=0.5, patience=patience)
    history: list[dict] = []
    scores = [0.9, 0.5, 0.49999, 0.5, 0.7, 0.4, 0.4, 0.4, 0.8, 0.4, 0.4, 0.95, 0.1, 0.2, 0.3, 0.3, 0.3, 0.3]
    for score in scores:
        assert Plateau(watch, 0.5, patience).rate(history) == optimiser.param_groups[0]["lr"]
        history.append({watch: score})
        reference.step(score)
    assert optimiser.param_groups[0]["lr"] < 1


def test_epochs_without_a_score_do_not_count():
    history = [{"dev_loss": value} for value in (math.nan, 0.5, math.nan, math.nan, 0.5)]
    assert Plateau("dev_loss", 0.5, 1).rate(history) == 1
    assert Plateau("dev_loss", 0.5, 0).rate(history) == 0.5
