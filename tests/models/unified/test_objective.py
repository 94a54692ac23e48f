"""The training objective of the unified space: false negatives, tiny batches, hidden modalities."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from _small import CLASSES, SMALL, ragged, split, with_children

from emospace.core.data import Fold, Rows
from emospace.models import unified
from emospace.models.unified.objective import Objective
from emospace.models.unified.resident import DeviceRows, contents
from emospace.models.unified.unit_space import Space

LOSSES = ("gender", "vad", "reconstruction", "contrastive", "alignment", "children")
CPU = torch.device("cpu")


def objective(rows: Rows, dropout: float = 0.0, **options) -> Objective:
    """The objective of a new network on these rows, all weights 1, without augmentation by default."""
    torch.manual_seed(0)
    shapes = {
        name: (i.values.shape[1], "cepstral" if name.startswith("audio") else "") for name, i in rows.inputs.items()
    }
    resident = DeviceRows(rows, CPU)
    network = Space(shapes, len(CLASSES), 16, 16, 8, dropout)
    network.fit_scales(resident)
    options = {"label_smoothing": 0.1, "modality_dropout": 0.0, "distortion": 0.0} | options
    return Objective(network, resident, dict.fromkeys(LOSSES, 1.0), **options)


def first_rows(rows: Rows, count: int) -> Rows:
    """The first `count` rows."""
    inputs = {name: ragged([i[k] for k in range(count)]) for name, i in rows.inputs.items()}
    lists = {"utterances": rows.utterances[:count], "speakers": rows.speakers[:count]}
    arrays = {name: getattr(rows, name)[:count] for name in ("label", "gender", "vad", "parent")}
    return Rows(**lists, **arrays, inputs=inputs)


# Contents ----------------------------------------------------------------------------------------------------------


def test_content_numbers_are_equal_exactly_for_equal_bytes():
    rng = np.random.default_rng(0)
    a, b, c = (rng.normal(size=(n, 2)).astype(np.float32) for n in (5, 5, 4))
    same_middle = b.copy()
    same_middle[2] = a[2]
    longer = np.concatenate([a, b])
    empty = np.empty((0, 2), np.float32)
    numbers = contents(ragged([a, b, a.copy(), c, same_middle, empty, longer, empty]), 1024)
    assert numbers.tolist() == [0, 1, 0, 2, 3, 4, 5, 4]
    assert contents(ragged([a, b, longer, c]), 5).tolist() == [0, 1, 0, 2]  # truncated as for the model


def alike(inputs: dict[str, list[int]], **fields) -> Rows:
    """Rows with the given content number per input: equal numbers, equal content."""
    stores = {}
    for name, numbers in inputs.items():
        rng = np.random.default_rng(len(name))
        distinct = rng.normal(size=(1 + max(numbers), 40 if name.startswith("audio") else 1, 6)).astype(np.float32)
        stores[name] = ragged([distinct[n] for n in numbers])
    count = len(numbers)
    unknown = {"gender": np.full(count, -1), "vad": np.full((count, 3), np.nan, np.float32)}
    fields = {"label": np.full(count, -1)} | unknown | fields
    return Rows([f"u{i}" for i in range(count)], ["s"] * count, stores, **fields)


def loss_and_gradient(rows: Rows, loss: str) -> tuple[float, float]:
    losses = objective(rows)
    losses.network.eval()
    losses.network.requires_grad_(True)
    value = losses(torch.arange(int((rows.parent < 0).sum())))[loss]
    grads = torch.autograd.grad(value, list(losses.network.parameters()), allow_unused=True)
    return value.item(), sum(float(g.abs().sum()) for g in grads if g is not None)


def test_utterances_of_one_sentence_are_no_negatives():
    numbers = {"audio.mfcc": [0, 1], "text.sbert": [0, 0]}
    assert loss_and_gradient(alike(numbers), "alignment") == (0.0, 0.0)
    value, gradient = loss_and_gradient(alike(numbers | {"text.sbert": [0, 1]}), "alignment")
    assert value > 0 and gradient > 0


def test_a_child_is_no_negative_of_its_parents_inputs():
    """A recording and a synthetic voice with the same sentence: both match that sentence."""
    parent = np.array([-1, 0])
    rows = alike({"audio.mfcc": [0, 1], "text.sbert": [0, 0]}, parent=parent)
    assert loss_and_gradient(rows, "alignment") == (0.0, 0.0)


def test_parents_of_equal_content_share_their_children():
    parent = np.array([-1, -1, 0, 1])
    rows = alike({"text.sbert": [0, 0, 1, 2]}, parent=parent)
    assert loss_and_gradient(rows, "children") == (0.0, 0.0)
    rows = alike({"text.sbert": [0, 1, 2, 2]}, parent=parent)
    assert loss_and_gradient(rows, "children") == (0.0, 0.0)
    value, gradient = loss_and_gradient(alike({"text.sbert": [0, 1, 2, 3]}, parent=parent), "children")
    assert value > 0 and gradient > 0


def test_a_hidden_input_does_not_separate_parents():
    rows = alike({"audio.mfcc": [0, 1, 2, 3], "text.sbert": [0, 0, 1, 2]}, parent=np.array([-1, -1, 0, 1]))
    losses = objective(rows)
    losses.network.eval()
    losses._used = lambda batch: {n: torch.full((4,), n == "text.sbert") for n in batch}
    assert losses(torch.arange(2))["children"].item() == 0
    losses._used = lambda batch: {n: torch.full((4,), True) for n in batch}
    assert losses(torch.arange(2))["children"].item() > 0


# Tiny folds --------------------------------------------------------------------------------------------------------


def short(rows: Rows) -> Rows:
    """The first utterance alone, with a recording of a single step."""
    one = first_rows(rows, 1)
    return replace(one, inputs=one.inputs | {"audio.mfcc": ragged([rows.inputs["audio.mfcc"][0][:1]])})


def learnt(train: Rows, folder, **options):
    """Train on these rows and require all numbers of the result to be finite."""
    fold = Fold(CLASSES, train, split(2, 6), split(3, 6, hidden=True))
    trained = unified.train(fold, seed=1, checkpoint=folder, **SMALL | {"epochs": 3, "batch": None} | options)
    assert all(math.isfinite(value) for line in trained.history for value in line.values())
    assert all(
        np.isfinite(values).all()
        for values in [unified.apply(trained, fold.test).probabilities, *trained.state.values()]
    )
    return trained


@pytest.mark.parametrize("children", [False, True], ids=["one row", "one row and its children"])
@pytest.mark.parametrize("cut", [lambda rows: first_rows(rows, 1), short], ids=["whole", "one real step"])
def test_training_works_on_a_single_row(tmp_path, cut, children):
    train = cut(split(1, 3, missing=0))
    train = with_children(train, 1) if children else train
    learnt(train, tmp_path)


def test_training_works_on_batches_of_a_single_step(tmp_path):
    """With batch=1, batch statistics of a very short recording are over a single step."""
    rows = split(1, 5, missing=0)
    audio = [row[: 1 if i in (0, 2) else 40] for i, row in enumerate(rows.inputs["audio.mfcc"])]
    train = replace(rows, inputs=rows.inputs | {"audio.mfcc": ragged(audio)})
    trained = learnt(train, tmp_path, batch=1)
    assert trained.facts["architecture"]["shapes"]["audio.mfcc"][1], "the input is not encoded as a sequence"


def test_a_batch_may_hold_a_single_row_without_inputs(tmp_path):
    rows = split(1, 5, missing=0)
    inputs = {n: ragged([i[k][: 0 if k == 1 else None] for k in range(5)]) for n, i in rows.inputs.items()}
    learnt(replace(rows, inputs=inputs), tmp_path, batch=1)


def test_a_single_step_does_not_update_running_statistics():
    from emospace.models.unified.encoder import MaskedBatchNorm

    layer, inside = MaskedBatchNorm(3), torch.tensor([[True, False]])
    layer.running_mean.fill_(1.0)
    layer.running_var.fill_(4.0)
    normalised = layer(torch.full((1, 2, 3), 5.0), inside)
    torch.testing.assert_close(normalised, torch.tensor([[[2.0] * 3, [0.0] * 3]]))
    assert (layer.running_mean == 1).all() and (layer.running_var == 4).all()
    layer(torch.randn(2, 2, 3), torch.tensor([[True, False], [True, True]]))
    assert (layer.running_mean != 1).all()


# The network -------------------------------------------------------------------------------------------------------


def batch_of(losses: Objective, count: int = 12):
    batch = losses.network.standardise(losses.rows.batch(torch.arange(count), losses.network.names))
    return batch, {name: length > 0 for name, (_, length) in batch.items()}


def outputs_of(output) -> list[torch.Tensor]:
    return [output.gender, output.vad, output.fused, *output.decoded.values()]


@pytest.mark.parametrize("hidden", ["audio.mfcc", "frames.clip", "text.sbert"])
def test_the_content_of_a_hidden_input_has_no_influence(hidden):
    losses = objective(split(1, 12, missing=0))
    losses.network.eval()
    batch, used = batch_of(losses)
    masks = used | {hidden: torch.arange(12) % 2 == 0}
    values, length = batch[hidden]
    odd = (torch.arange(12) % 2 == 1)[:, None, None]
    other = batch | {hidden: (torch.where(odd, 9 * torch.randn_like(values), values), length)}
    for mask, same in ((masks, True), (used, False)):
        pairs = zip(outputs_of(losses.network(batch, mask)), outputs_of(losses.network(other, mask)), strict=True)
        assert all(torch.equal(*pair) == same for pair in pairs)


@pytest.mark.parametrize("hidden", ["audio.mfcc", "frames.clip", "text.sbert"])
def test_only_reconstruction_depends_on_a_hidden_input(hidden):
    rows = split(1, 12, missing=0)
    rng = np.random.default_rng(4)
    odd = [i % 2 * 9 * rng.normal(size=row.shape).astype(np.float32) for i, row in enumerate(rows.inputs[hidden])]
    other = ragged([row + more for row, more in zip(rows.inputs[hidden], odd, strict=True)])
    found = []
    for train in (rows, replace(rows, inputs=rows.inputs | {hidden: other})):
        losses = objective(train)
        losses.network.fit_scales(DeviceRows(rows, CPU))
        losses.network.eval()
        losses._used = lambda batch: {n: (torch.arange(12) % 2 == 0) | (n != hidden) for n in batch}
        found.append(losses(torch.arange(12)))
    first, second = found
    assert {name for name in first if not torch.equal(first[name], second[name])} == {"reconstruction"}


def test_all_embeddings_have_unit_norm():
    losses = objective(split(1, 12))
    output = losses.network(*batch_of(losses))
    for embeddings in (output.fused, *output.embeddings.values()):
        torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(12))


def test_temperatures_have_a_lower_bound():
    """1 / temperature is at most 100, in the losses too."""
    losses = objective(with_children(split(1, 12), 4))
    assert losses.network.scales.tolist() == pytest.approx([10, 10])
    found = []
    for scale in (100.0, 1e9):
        losses.network.log_scale.data.fill_(math.log(scale))
        torch.manual_seed(1)
        losses.network.eval()
        found.append(losses(torch.arange(12)))
        torch.testing.assert_close(losses.network.scales, torch.tensor([100.0, 100.0]))
    for name in ("contrastive", "alignment", "children"):
        torch.testing.assert_close(found[0][name], found[1][name])
