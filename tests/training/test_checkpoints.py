"""What a power loss may leave of a checkpoint is recognised; content reaches the disk before its name."""

import copy
import errno
import logging
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from emospace.core import provenance
from emospace.core.provenance import atomic, sync_tree
from emospace.training import checkpoints, loop
from emospace.training.loop import Schedule, State, fit

TARGET = torch.linspace(-1, 1, 24).reshape(8, 3)


def trained(folder: Path, epochs: int, until: int | None = None, **how) -> State:
    """A small network with dropout learns eight rows; `until`: killed in the epoch after it."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 5), nn.Dropout(0.5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    scored = []

    def losses(rows):
        return {"square": (network(TARGET[rows]) - TARGET[rows]).square().mean()}

    def score(average) -> dict[str, float]:
        if len(scored) == until:
            raise KeyboardInterrupt
        scored.append(1)
        found = float((average(TARGET) - TARGET).square().mean().detach())
        return {"dev_ua": -found, "dev_loss": found}

    average = copy.deepcopy(network).eval()
    return fit(network, average, 8, losses, score, Schedule(epochs, epochs, 4, 0.1, 0.01, **how), folder)


def interrupted(folder: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        trained(folder, 4, until=2)
    return folder / checkpoints.NAME


def changed(path: Path, change) -> None:
    """Rewrite the tensors of a checkpoint, with a digest that is right."""
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
    "no safetensors file": lambda path: path.write_bytes(b"\xff" * 4096),
    "of another program": lambda path: save_file(load_file(path), path),
    "a tensor less": lambda path: changed(path, lambda t: t.pop("best/0.weight")),
    "another shape": lambda path: changed(path, lambda t: t.update({"network/3.bias": torch.zeros(7)})),
    "another shape of a moment": lambda path: changed(
        path, lambda t: t.update({"optimiser/0/exp_avg": torch.zeros(7)})
    ),
    "a moment of nothing": lambda path: changed(path, lambda t: t.update({"optimiser/99/exp_avg": torch.zeros(7)})),
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
def test_a_damaged_checkpoint_is_named_removed_and_forgotten(tmp_path, caplog, undisturbed, damage):
    path = interrupted(tmp_path)
    damage(path)
    caplog.set_level(logging.INFO)
    found = trained(tmp_path, 4)
    [said] = [record.message for record in caplog.records]
    assert str(path) in said and "is damaged (" in said and "afresh" in said and "\n" not in said
    assert same(found, undisturbed)


def test_a_damaged_checkpoint_is_gone_before_training_goes_on(tmp_path):
    path = interrupted(tmp_path)
    cut(0.5)(path)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, 4, until=0)
    assert not path.exists()


def test_a_whole_checkpoint_is_taken_up(tmp_path, caplog, undisturbed):
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
def test_whatever_is_trained_goes_on_to_the_bit(tmp_path, caplog, how, every):
    whole = trained(tmp_path / "whole", 5, **how)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", 5, until=3, save_every=every, **how)
    caplog.set_level(logging.INFO)
    assert same(trained(tmp_path / "killed", 5, **how), whole)
    assert f"resumed after epoch {3 // every * every}" in caplog.text


def test_large_checkpoints_are_written_seldom(tmp_path, monkeypatch):
    times, written = iter(range(0, 10_000, 3)), []
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(times))  # each look at the clock takes three seconds
    monkeypatch.setattr(State, "save", lambda state, folder: written.append(len(state.history)))
    trained(tmp_path, 100)
    assert 4 <= len(written) <= 6 and written[-1] == 100


# Atomic writes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch) -> list[tuple]:
    """What reaches the disk when: ("fsync", path) and ("replace", path), in order."""
    seen, fsync, replace = [], os.fsync, os.replace

    def synced(handle):
        seen.append(("fsync", Path(os.readlink(f"/proc/self/fd/{handle}"))))
        fsync(handle)

    def replaced(source, target):
        seen.append(("replace", Path(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    return seen


def test_content_reaches_the_disk_before_its_name_and_the_name_before_what_follows(tmp_path, calls):
    with atomic(tmp_path / "a.txt") as tmp:
        tmp.write_text("a")
        assert calls == []
    assert calls == [("fsync", tmp), ("replace", tmp_path / "a.txt"), ("fsync", tmp_path)]


def test_a_folder_reaches_the_disk_as_a_whole(tmp_path, calls):
    (tmp_path / "b/c").mkdir(parents=True)
    for name in ("a", "b/a", "b/c/a"):
        (tmp_path / name).touch()
    sync_tree(tmp_path)
    assert {path for _, path in calls} == {tmp_path, *tmp_path.rglob("*")}


@pytest.mark.parametrize("number", provenance.NO_SYNC)
def test_a_file_system_that_cannot_sync_is_trusted(tmp_path, monkeypatch, number):
    def fsync(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic(tmp_path / "a.txt") as tmp:
        tmp.write_text("a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_content_that_does_not_reach_the_disk_gets_no_name(tmp_path, monkeypatch, number):
    def fsync(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=os.strerror(number)), atomic(tmp_path / "a.txt") as tmp:
        tmp.write_text("a")
    assert list(tmp_path.iterdir()) == []
