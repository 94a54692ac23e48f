"""Batches of resident rows: content, padding, and the precision in which a GPU computes."""

import numpy as np
import pytest
import torch
from _small import CLASSES, SMALL, probabilities, split

from emospace.core.data import Fold, Rows
from emospace.core.store import Ragged
from emospace.models import unified
from emospace.models.unified import objective, unit_space
from emospace.models.unified.resident import DeviceRows, padded

MFCC = {"audio.mfcc": {"holds": "cepstral", "rate": 16_000}}


@pytest.mark.parametrize(("longest", "steps"), [(1, 1), (2, 2), (5, 8), (8, 8), (17, 32), (32, 32), (33, 64), (65, 96)])
def test_padding_is_to_a_power_of_two_below_32_and_a_multiple_of_32_above(longest, steps):
    """Padding all batches to 32 would waste 24 steps on eight pictures."""
    lengths = [longest, 0, 1]
    values = np.random.default_rng(0).standard_normal((sum(lengths), 3), dtype=np.float32)
    stored = Ragged(values.copy(), np.cumsum([0, *lengths]))
    unknown = np.full(3, -1)
    rows = DeviceRows(Rows("abc", "sss", {"x": stored}, unknown, unknown, np.zeros((3, 3))), torch.device("cpu"))
    batch, length = rows.batch(torch.tensor([2, 0, 1]), ["x"])["x"]
    assert batch.shape == (3, steps, 3) and length.tolist() == [1, longest, 0]
    for row, n, origin in zip(batch.numpy(), length, (stored[2], stored[0], stored[1]), strict=True):
        assert (row[:n] == origin).all() and (row[n:] == 0).all()
    assert (stored.values == values).all()


def test_lengths_up_to_1024_give_few_shapes():
    sizes = [padded(longest) for longest in range(1, 1025)]
    assert len(set(sizes)) == 37 and all(longest <= size for longest, size in enumerate(sizes, 1))


def test_a_training_under_autocast_agrees_with_float32(tmp_path, monkeypatch):
    """What a GPU computes in, on the CPU: no step fails, statistics stay float32, and the model learns the same."""
    fold = Fold(CLASSES, split(1, 60), split(2, 30), split(3, 30, hidden=True), about=MFCC)
    options = SMALL | {"epochs": 6}
    plain = unified.train(fold, seed=1, checkpoint=tmp_path / "float32", **options)
    for module in (objective, unit_space):
        monkeypatch.setattr(module, "autocast", lambda device: torch.autocast(device.type, torch.bfloat16))
    mixed = unified.train(fold, seed=1, checkpoint=tmp_path / "bfloat16", **options)
    assert {value.dtype for value in mixed.state.values()} == {value.dtype for value in plain.state.values()}
    one, two = (probabilities(unified, trained, fold) for trained in (plain, mixed))
    assert np.abs(one - two).mean() < 0.05
