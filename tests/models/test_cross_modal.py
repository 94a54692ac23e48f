"""The unified space as published: sizes, loss terms, copies, missing inputs, scores of every epoch, bad input."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from _small import CLASSES, INPUTS, split, with_children

from emospace.core import batching, plugin
from emospace.core.data import Fold
from emospace.core.errors import InputError
from emospace.core.store import Ragged
from emospace.models._cross_modal import (
    OVERHEAD,
    Copies,
    CrossModal,
    Objective,
    Terms,
    batch_of,
    directions,
    grouped,
    mean_states,
)
from emospace.models.unified.resident import DeviceRows
from emospace.runs.applying import ask, learn

cross_modal = plugin.find("models", "cross_modal")
OPTIONS = {"recurrent": 8, "hidden": 24, "embedding": 12, "epochs": 8, "batch": 12, "lr": 0.02, "dropout": 0.1}
WEIGHTS = {"emotion": 1.0, "gender": 1.0, "reconstruction": 1.0, "contrastive": 1.0, "copies": 1.0}
COPY = ["dev_accuracy_copy", "dev_gender_accuracy_copy"]


@pytest.fixture(scope="module")
def fold() -> Fold:
    return Fold(CLASSES, with_children(split(1, 60), 20), with_children(split(2, 30), 9), split(3, 30, hidden=True))


@pytest.fixture(scope="module")
def trained(fold, tmp_path_factory):
    """A function that trains and returns the model; equal options train once."""
    known = {}

    def function(data: Fold = fold, **options):
        chosen = OPTIONS | options
        if (id(data), str(chosen)) not in known:
            folder = tmp_path_factory.mktemp("checkpoint")
            known[id(data), str(chosen)] = data, learn(cross_modal, data, chosen, seed=1, checkpoint=folder)
        return known[id(data), str(chosen)][1]

    return function


def applied(one, rows):
    return ask(cross_modal, one, rows, OPTIONS)


def test_the_network_has_the_published_sizes():
    network = CrossModal({"audio": (20, True), "frames": (512, True), "text": (768, False)}, 4, 384, 2000, 1000, 0.4)
    assert sum(network.sizes.values()) == network.first.in_features == 2304
    lstms = sum(2 * 4 * 384 * (dims + 384 + 2) for dims in (20, 512))
    heads = 1001 * (4 + 2 + 3 * 768)
    assert sum(p.numel() for p in network.parameters()) == lstms + 2305 * 2000 + 2001 * 1000 + heads
    small = CrossModal({"audio": (20, True), "frames": (512, True), "text": (384, False)}, 4, 384, 2000, 1000, 0.4)
    assert small.first.in_features == 1920


def test_sequences_of_similar_length_together_give_the_states_of_each_alone():
    torch.manual_seed(0)
    lstms, length = directions(3, 4), torch.tensor([2, 7, 1, 7, 6, 4])
    assert [(rows.start, rows.stop) for rows in grouped([7, 7, 6, 4, 2, 1])] == [(0, 4), (4, 6)]
    rows = [torch.randn(n, 3) for n in length.tolist()]
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    both = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    for suffix, one in zip(("", "_reverse"), lstms, strict=True):
        both.load_state_dict({f"{n}{suffix}": v for n, v in one.state_dict().items()}, strict=False)
    alone = torch.stack([both(row[None])[0][0].mean(0) for row in rows])
    assert torch.allclose(mean_states(lstms, padded, length), alone, atol=1e-6)


def test_groups_are_those_of_the_least_cost():
    lengths = sorted(np.random.default_rng(0).integers(1, 30, 9).tolist(), reverse=True)

    def cost(ends: tuple[int, ...]) -> float:
        return sum(lengths[a] * (OVERHEAD + b - a) for a, b in zip((0, *ends), (*ends, 9), strict=True))

    every = [ends for count in range(9) for ends in combinations(range(1, 9), count)]
    assert cost(tuple(rows.stop for rows in grouped(lengths)[:-1])) == min(map(cost, every))


def objective(rows, **options) -> Objective:
    weights = WEIGHTS | options.pop("weights", {})
    return Objective(DeviceRows(rows, torch.device("cpu")), list(INPUTS), Terms(weights, 0.1, False, **options))


def network(rows, **options) -> CrossModal:
    torch.manual_seed(0)
    shapes = {name: (store.values.shape[1], name != "text.sbert") for name, store in rows.inputs.items()}
    return CrossModal(shapes, 3, **{"recurrent": 4, "hidden": 9, "embedding": 5, "dropout": 0.0} | options)


def test_ten_terms_are_summed_over_the_rows_and_one_covers_all_pairs(fold):
    side, model = objective(fold.train), network(fold.train)
    numbers = torch.arange(30, 50)  # the last 20 of 60 rows have copies
    losses = side.losses(side.outputs(model, numbers))
    own = ["emotion", "gender", *(f"reconstruction_{name}" for name in INPUTS)]
    assert list(losses) == [*own, *(f"{name}_copy" for name in own), "contrastive"]
    single = [side.losses(side.outputs(model, number[None])) for number in numbers]
    for name in list(losses)[:-1]:
        assert losses[name].item() == pytest.approx(sum(one[name].item() for one in single), rel=1e-4)


def test_a_term_is_the_cross_entropy_or_the_mean_squared_error_of_a_row(fold):
    side, model = objective(fold.train), network(fold.train)
    row = int(np.flatnonzero(fold.train.inputs["audio.mfcc"].lengths[:40])[0])
    (_, output), *_ = sides = side.outputs(model, torch.tensor([row]))
    losses = side.losses(sides)
    label = torch.tensor([fold.train.label[row]])
    assert losses["emotion"].item() == pytest.approx(torch.nn.functional.cross_entropy(output.emotion, label).item())
    error = (output.decoded["audio.mfcc"] - output.vectors["audio.mfcc"]).square().mean()
    assert losses["reconstruction_audio.mfcc"].item() == pytest.approx(error.item())


@pytest.mark.parametrize("detach", [False, True])
def test_targets_pass_a_gradient_unless_they_are_detached(fold, detach):
    model, rows = network(fold.train), DeviceRows(fold.train, torch.device("cpu"))
    output = model(batch_of(rows, dict.fromkeys(INPUTS, torch.arange(20))))
    output.decoded = {name: value.detach() for name, value in output.decoded.items()}
    terms = Terms(WEIGHTS, 0.1, detach).of(output, rows.label[:20], rows.gender[:20])
    loss = terms["reconstruction_audio.mfcc"]
    assert loss.requires_grad != detach


def test_a_copy_takes_each_input_from_the_child_that_changed_it():
    plain = split(1, 4, missing=0.0)
    rows = plain.take([0, 1, 2, 3, 0, 0, 1])  # children follow: two of row 0, one of row 1
    texts = [rows.inputs["text.sbert"][i] + (i == 5) for i in range(7)]
    sound = [rows.inputs["audio.mfcc"][i] * (2 if i == 4 else 1) for i in range(7)]
    inputs = {name: list(store) for name, store in rows.inputs.items()} | {"text.sbert": texts, "audio.mfcc": sound}
    packed = {n: Ragged(np.concatenate(r), np.cumsum([0, *map(len, r)])) for n, r in inputs.items()}
    rows = replace(rows, inputs=packed, parent=np.array([-1, -1, -1, -1, 0, 0, 1]))
    copies = Copies(DeviceRows(rows, torch.device("cpu")), list(INPUTS))
    assert copies.exists.tolist() == [True, True, False, False]
    assert copies.source["audio.mfcc"].tolist() == [4, 1, 2, 3]
    assert copies.source["text.sbert"].tolist() == [5, 1, 2, 3]
    assert copies.source["frames.clip"].tolist() == [0, 1, 2, 3]


def test_it_learns_and_the_history_has_four_accuracies_of_every_epoch(fold, trained):
    one = trained()
    output = applied(one, fold.test)
    assert (output.probabilities.argmax(1) == np.arange(30) % 3).mean() > 0.7
    assert output.embeddings.shape == (30, 12) and output.gender.shape == (30, 2)
    assert [line["epoch"] for line in one.history] == list(range(1, 9)) and one.facts["epoch"] == 8
    names = ["dev_loss", "dev_accuracy", "dev_gender_accuracy", *COPY]
    assert all(np.isfinite(line[name]) for line in one.history for name in names)
    dev = applied(one, fold.dev.originals()).probabilities.argmax(1)
    assert one.history[-1]["dev_accuracy"] == pytest.approx((dev == fold.dev.label[:30]).mean())
    assert one.facts["copies"] == 20 and one.facts["concatenated"] == 16 + 16 + 4


def test_the_embedding_before_training_is_that_of_the_network_at_its_start(fold, trained):
    output = applied(trained(lr=1e-30, epochs=1), fold.test)
    before = output.extras["before"].values
    np.testing.assert_array_equal(before, output.embeddings)
    np.testing.assert_array_equal(before, applied(trained(), fold.test).extras["before"].values)
    assert not np.allclose(before, applied(trained(), fold.test).embeddings)


def test_a_cpu_without_bf16_says_so(fold, trained, monkeypatch):
    monkeypatch.setattr(batching, "cpu_takes_bf16", lambda: False)
    with pytest.raises(InputError, match="this CPU cannot compute LSTMs in bf16"):
        trained(precision="bf16")
    exact = trained()
    elsewhere = exact.facts | {"architecture": exact.facts["architecture"] | {"precision": "bf16"}}
    with pytest.raises(InputError, match="this CPU cannot compute LSTMs in bf16"):
        applied(replace(exact, facts=elsewhere), fold.test)


@pytest.mark.skipif(not batching.cpu_takes_bf16(), reason="this CPU cannot compute LSTMs in bf16")
def test_bf16_rounds_the_factors_of_products_and_nothing_that_is_kept(fold, trained):
    exact, rounded = trained(), trained(precision="bf16")
    assert [one.facts["architecture"]["precision"] for one in (exact, rounded)] == ["fp32", "bf16"]
    first, other = exact.history[0]["loss"], rounded.history[0]["loss"]
    assert first != other == pytest.approx(first, rel=0.02)
    assert {value.dtype.name for value in rounded.state.values()} == {"float32"}
    output = applied(rounded, fold.test)
    assert (output.probabilities.argmax(1) == np.arange(30) % 3).mean() > 0.7
    # Application rounds as training did: the float32 network would give other embeddings.
    facts = rounded.facts | {"architecture": rounded.facts["architecture"] | {"precision": "fp32"}}
    plain = applied(replace(rounded, facts=facts), fold.test)
    assert not np.array_equal(plain.embeddings, output.embeddings)
    np.testing.assert_allclose(plain.embeddings, output.embeddings, atol=0.05)


def test_missing_inputs_are_zeros_and_any_subset_serves(fold, trained):
    rows, one = fold.test.take(np.arange(6)), trained()
    zeros = {name: Ragged(0 * store.values, store.offsets) for name, store in rows.inputs.items()}
    zeros |= {
        "audio.mfcc": rows.inputs["audio.mfcc"],
        "frames.clip": rows.hiding(["frames.clip"]).inputs["frames.clip"],
    }
    hidden = applied(one, rows.hiding(["frames.clip", "text.sbert"]))
    np.testing.assert_allclose(hidden.probabilities, applied(one, replace(rows, inputs=zeros)).probabilities, atol=1e-6)
    nothing = applied(one, rows.hiding(list(INPUTS)))
    assert np.ptp(nothing.probabilities, axis=0).max() == 0 and np.isfinite(nothing.embeddings).all()


def test_no_copies_at_all_leave_five_terms_and_no_score_of_copies(fold, trained):
    one = trained(replace(fold, train=fold.train.originals(), dev=fold.dev.originals()), epochs=1)
    assert "emotion" in one.history[0] and not [
        name for name in one.history[0] if "_copy" in name and "dev" not in name
    ]
    assert all(np.isnan(one.history[0][name]) for name in COPY)
    assert one.facts["copies"] == 0 and one.facts["dev_accuracy_copy"] is None


def test_an_input_without_any_frame_is_left_out(fold, trained):
    empty = [side.hiding(["frames.clip"]) for side in (fold.train, fold.dev, fold.test)]
    one = trained(Fold(CLASSES, *empty), epochs=1)
    assert one.facts["concatenated"] == 16 + 4
    assert len(applied(one, empty[2]).probabilities) == 30
    with pytest.raises(InputError, match="none of the run's inputs has data"):
        trained(replace(fold, train=fold.train.hiding(list(INPUTS))))


def test_rows_of_one_gender_and_unknown_genders(fold, trained):
    women = replace(fold.train, gender=np.zeros_like(fold.train.gender))
    one = trained(replace(fold, train=women), epochs=8)
    assert (applied(one, fold.test).gender[:, 0] > 0.5).all()
    unknown = replace(fold.train, gender=np.full_like(fold.train.gender, -1))
    assert trained(replace(fold, train=unknown), epochs=1).history[0]["gender"] == 0


def test_a_batch_larger_than_the_corpus_is_the_corpus_and_no_dev_rows_are_needed(fold, trained):
    alone = replace(fold, dev=fold.dev.take([]))
    one = trained(alone, batch=500, epochs=2)
    assert one.facts["batch"] == 60 and one.facts["dev_loss"] is None and one.facts["epoch"] == 2
    assert len(applied(one, fold.test.take([])).extras["before"]) == 0


def test_another_width_than_in_training_is_refused(fold, trained):
    store = fold.test.inputs["audio.mfcc"]
    narrow = replace(fold.test, inputs=fold.test.inputs | {"audio.mfcc": Ragged(store.values[:, :5], store.offsets)})
    with pytest.raises(InputError, match="it has 5 columns, but the model was trained on 6"):
        applied(trained(), narrow)
