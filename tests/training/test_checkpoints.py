"""Damaged checkpoints are detected and discarded, and resuming is exact."""

import copy
import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from emospace.training import checkpoints, loop
from emospace.training.loop import Schedule, State, fit

TARGET = torch.linspace(-1, 1, 24).reshape(8, 3)


def trained(folder: Path, epochs: int, until: int | None = None, **how) -> State:
    """Train a small network with dropout on eight rows; until: number of epochs before it is killed."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 5), nn.Dropout(0.5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    scored = []

    def losses(rows):
        return {"square": (network(TARGET[rows]) - TARGET[rows]).square().mean()}

    def score(average) -> dict[str, float]:
        if len(scored) == until:
            raise KeyboardInterrupt
        scored.append(1)
        loss = float((average(TARGET) - TARGET).square().mean().detach())
        return {"dev_ua": -loss, "dev_loss": loss}

    average = copy.deepcopy(network).eval()
    return fit(network, average, 8, losses, score, Schedule(epochs, epochs, 4, 0.1, 0.01, **how), folder)


def interrupted(folder: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        trained(folder, 4, until=2)
    return folder / checkpoints.NAME


def changed(path: Path, change) -> None:
    """Change the tensors of a checkpoint and give it a valid digest."""
    tensors, history = checkpoints.read(path)
    change(tensors)
    checkpoints.write(path, tensors, history)


def cut(size: float):
    def damage(path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: int(size * len(content))])

    return damage


def blank(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-200] + bytes(200))


DAMAGES = {
    "empty": cut(0),
    "a few bytes": lambda path: path.write_bytes(path.read_bytes()[:5]),
    "half": cut(0.5),
    "all but the end": cut(0.999),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "zeros at its end": blank,
    "not safetensors": lambda path: path.write_bytes(b"\xff" * 4096),
    "of another program": lambda path: save_file(load_file(path), path),
    "a missing tensor": lambda path: changed(path, lambda t: t.pop("best/0.weight")),
    "another shape": lambda path: changed(path, lambda t: t.update({"network/3.bias": torch.zeros(7)})),
    "another shape of a moment": lambda path: changed(
        path, lambda t: t.update({"optimiser/0/exp_avg": torch.zeros(7)})
    ),
    "a moment of no parameter": lambda path: changed(
        path, lambda t: t.update({"optimiser/99/exp_avg": torch.zeros(7)})
    ),
    "an unknown part": lambda path: changed(path, lambda t: t.update({"odd/0": torch.zeros(7)})),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> State:
    return trained(tmp_path_factory.mktemp("whole"), 4)


def same(first: State, second: State) -> bool:
    sides = (first._tensors(), second._tensors())
    equal = all(torch.equal(sides[0][key], sides[1][key]) for key in sides[0])
    return sides[0].keys() == sides[1].keys() and first.history == second.history and equal


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_reported_deleted_and_ignored(tmp_path, caplog, undisturbed, damage):
    path = interrupted(tmp_path)
    damage(path)
    caplog.set_level(logging.INFO)
    state = trained(tmp_path, 4)
    [message] = [record.message for record in caplog.records]
    assert str(path) in message and "is damaged (" in message and "restarts" in message and "\n" not in message
    assert same(state, undisturbed)


def test_a_damaged_checkpoint_is_deleted_before_training_starts(tmp_path):
    path = interrupted(tmp_path)
    cut(0.5)(path)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, 4, until=0)
    assert not path.exists()


def test_an_intact_checkpoint_is_resumed(tmp_path, caplog, undisturbed):
    interrupted(tmp_path)
    caplog.set_level(logging.INFO)
    assert same(trained(tmp_path, 4), undisturbed)
    assert [record.message for record in caplog.records] == ["resumed after epoch 2"]


@pytest.mark.parametrize(
    "how",
    [
        {"optimiser": "sgd"},
        {"optimiser": "adam", "decay": "step"},
        {"average": 0.0, "keep": "last"},
        {"watch": "dev_loss"},
    ],
    ids=lambda how: next(iter(how.values())),
)
@pytest.mark.parametrize("every", [1, 2])
def test_resuming_is_exact_for_every_schedule(tmp_path, caplog, how, every):
    whole = trained(tmp_path / "whole", 5, **how)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", 5, until=3, save_every=every, **how)
    caplog.set_level(logging.INFO)
    assert same(trained(tmp_path / "killed", 5, **how), whole)
    assert f"resumed after epoch {3 // every * every}" in caplog.text


def test_slow_checkpoints_are_written_rarely(tmp_path, monkeypatch):
    times, written = iter(range(0, 10_000, 3)), []
    monkeypatch.setattr(
        loop.time, "monotonic", lambda: next(times)
    )  # each reading of the clock advances it by three seconds
    monkeypatch.setattr(State, "save", lambda state, folder: written.append(len(state.history)))
    trained(tmp_path, 100)
    assert 4 <= len(written) <= 6 and written[-1] == 100
