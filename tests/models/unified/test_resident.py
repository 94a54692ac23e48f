"""Batches of resident rows: content and padding."""

import numpy as np
import pytest

from emospace.core.data import Rows
from emospace.core.store import Ragged
from emospace.models.unified.resident import DeviceRows, padded


@pytest.mark.parametrize(("longest", "steps"), [(1, 1), (2, 2), (5, 8), (8, 8), (17, 32), (32, 32), (33, 64), (65, 96)])
def test_padding_is_to_a_power_of_two_below_32_and_a_multiple_of_32_above(longest, steps):
    """Padding all batches to 32 would waste 24 steps on eight pictures."""
    import torch

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
