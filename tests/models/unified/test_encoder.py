"""Layers with masks in place of selections, compared with PyTorch's own on the unpadded steps."""

import pytest
import torch
from torch import nn

from emospace.models.unified.encoder import AttentionPooling, ChannelDropout, MaskedBatchNorm, MaskedGRU, inside_of

LENGTH = torch.tensor([7, 1, 4])


def sequences() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(3, 9, 5) * inside_of(torch.empty(3, 9, 5), LENGTH)[..., None]


def test_the_masked_gru_equals_a_packed_bidirectional_one():
    values, masked, packed = sequences(), MaskedGRU(5, 4), nn.GRU(5, 4, batch_first=True, bidirectional=True)
    state = dict(masked.forwards.state_dict())
    state |= {f"{name}_reverse": value for name, value in masked.backwards.state_dict().items()}
    packed.load_state_dict(state)
    rows = nn.utils.rnn.pack_padded_sequence(values, LENGTH, batch_first=True, enforce_sorted=False)
    expected = nn.utils.rnn.pad_packed_sequence(packed(rows)[0], batch_first=True, total_length=9)[0]
    torch.testing.assert_close(masked(values, LENGTH), expected)
    assert torch.isfinite(masked(values, torch.tensor([7, 0, 4]))).all()


def test_masked_batch_normalisation_equals_that_of_the_unpadded_steps():
    values, inside = 3 * sequences() + 1, inside_of(sequences(), LENGTH)
    layer, reference = MaskedBatchNorm(5), nn.BatchNorm1d(5)
    for one in (layer, reference):
        nn.init.constant_(one.weight, 2.0)
        nn.init.constant_(one.bias, 0.5)
    inputs = [values.clone().requires_grad_() for _ in range(2)]
    normalised, expected = layer(inputs[0], inside), reference(inputs[1][inside])
    torch.testing.assert_close(normalised[inside], expected)
    assert not normalised[~inside].any()
    weight = torch.randn_like(values)
    (normalised * weight).sum().backward()
    (expected * weight[inside]).sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, atol=1e-5, rtol=1e-4)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(layer, name), getattr(reference, name))
    torch.testing.assert_close(layer.eval()(values, inside)[inside], reference.eval()(values[inside]))


def test_attention_pooling_is_the_weighted_mean_and_deviation_of_unpadded_steps():
    values, pool = sequences(), AttentionPooling(5)
    pooled = pool(values, LENGTH).detach()
    row = values[0, :7]
    weight = pool.score(row).softmax(0)
    mean = (weight * row).sum(0)
    spread = (weight * (row - mean).square()).sum(0).sqrt()
    torch.testing.assert_close(pooled[0], torch.cat([mean, spread]), atol=1e-4, rtol=1e-4)
    assert pooled[1, 5:].tolist() == pytest.approx([1e-5**0.5] * 5)  # a single step does not deviate


def test_channels_are_dropped_over_all_steps():
    dropped = ChannelDropout(0.5)(torch.ones(40, 6, 30))
    assert (dropped == dropped[:, :1]).all() and set(dropped.unique().tolist()) == {0.0, 2.0}
    assert 0.4 < (dropped == 0).float().mean() < 0.6
    assert (ChannelDropout(0.5).eval()(torch.ones(2, 3, 4)) == 1).all()
