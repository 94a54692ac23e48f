"""Multi-level attention: padding changes nothing, poolings are what they say, and fusion starts from its parents.

Covers: models/blstm_fusion.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from _small import ragged

from emospace.core import plugin
from emospace.core.data import Fold, Rows, Trained
from emospace.core.errors import InputError
from emospace.models import _blstm
from emospace.runs.applying import ask, learn

CLASSES = ["ang", "hap", "sad"]
SOUND, WORDS = "audio.descriptors", "words.hf_words"
ABOUT = {SOUND: {"holds": "acoustic"}, WORDS: {"holds": "words"}}
SMALL = {"hidden": 6, "attention": 4, "lr": 0.02, "batch": 8, "epochs": 6}
TRUTH = np.arange(24) % 3


def steps(label: np.ndarray, draw, least: int, most: int, width: int):
    """Sequences of different lengths that lean to the label, far from zero so that padding would show."""
    rows = [draw.normal(size=(draw.integers(least, most), width)) + 3 * np.eye(3, width)[k] + 5 for k in label]
    return ragged([row.astype(np.float32) for row in rows])


def side(seed: int, count: int) -> Rows:
    draw, label = np.random.default_rng(seed), np.arange(count) % 3
    inputs = {SOUND: steps(label, draw, 8, 30, 5), WORDS: steps(label, draw, 2, 7, 4)}
    unknown, names = np.full(count, -1), [f"u{seed}_{i}" for i in range(count)]
    return Rows(names, ["s"] * count, inputs, label, unknown, np.full((count, 3), np.nan, np.float32))


def fold(*names: str, train: int = 48) -> Fold:
    sides = [side(seed, count) for seed, count in ((1, train), (2, 24), (3, 24))]
    return Fold(CLASSES, *(replace(one, inputs={n: one.inputs[n] for n in names}) for one in sides), about=ABOUT)


@pytest.fixture
def trained(tmp_path):
    """A function that trains a model by name and returns it with a function that applies it."""

    def function(model: str, data: Fold, **options):
        module = plugin.find("models", model)
        one = learn(module, data, options, seed=1, checkpoint=tmp_path / f"{model}{len(list(tmp_path.iterdir()))}")
        return one, lambda rows: ask(module, one, rows, options)

    return function


def encoder(pool: str, seed: int = 0) -> _blstm.Encoder:
    torch.manual_seed(seed)
    return _blstm.Encoder(5, 6, 2, pool, 4).eval()


@pytest.mark.parametrize("pool", ["last", "cls", "average", "attention"])
def test_padding_changes_no_pooled_vector(pool):
    draw, network = torch.Generator().manual_seed(1), encoder(pool)
    row = torch.randn(1, 7, 5, generator=draw)
    padded = torch.cat([torch.cat([row, torch.full((1, 9, 5), 100.0)], dim=1), torch.randn(1, 16, 5, generator=draw)])
    with torch.no_grad():
        alone, together = network(row, torch.tensor([7])), network(padded, torch.tensor([7, 16]))
    torch.testing.assert_close(alone[0][0], together[0][0])
    if pool == "attention":
        torch.testing.assert_close(alone[1][0], together[1][0, :7])
        assert not together[1][0, 7:].any() and together[1].sum(1).tolist() == pytest.approx([1, 1])


def test_states_are_those_of_a_packed_lstm():
    draw = torch.Generator().manual_seed(1)
    ours, theirs = encoder("last").rnn, torch.nn.LSTM(5, 6, 2, bidirectional=True, batch_first=True)
    parts = {"": ours.ahead, "_reverse": ours.back}
    named = {
        f"{kind}_l{k}{end}": getattr(part[k], f"{kind}_l0")
        for end, part in parts.items()
        for k in (0, 1)
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    theirs.load_state_dict(named)
    rows, lengths = torch.randn(3, 9, 5, generator=draw), torch.tensor([4, 9, 1])
    packed = torch.nn.utils.rnn.pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)
    with torch.no_grad():
        expected = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
        states = ours(rows, lengths)
    for one, other, length in zip(states, expected, lengths, strict=True):
        torch.testing.assert_close(one[:length], other[:length])


def test_poolings_are_the_last_step_the_first_the_mean_and_the_weighted_mean():
    row, count = torch.randn(1, 7, 5, generator=torch.Generator().manual_seed(1)), torch.tensor([7])
    networks = {pool: encoder(pool) for pool in ("last", "cls", "average", "attention")}
    with torch.no_grad():
        states = networks["last"].rnn(row, count)[0]
        network = networks["attention"]
        network.load_state_dict(network.state_dict() | networks["last"].state_dict())
        scores = torch.tanh(states @ network.key.weight.T + network.key.bias) @ network.query.weight[0]
        expected = {"last": states[6], "cls": states[0], "average": states.mean(0)}
        expected["attention"] = scores.softmax(0) @ states
        for pool, one in networks.items():
            torch.testing.assert_close(one(row, count)[0][0], expected[pool])


def test_the_published_sizes():
    shared = [65, 128, 2, "attention", 64]
    single = _blstm.Unimodal(4, SOUND, _blstm.Encoder(*shared))
    lstm = 2 * 4 * 128 * (65 + 128 + 2) + 2 * 4 * 128 * (256 + 128 + 2)
    assert sum(p.numel() for p in single.parameters()) == lstm + (256 * 64 + 64) + 64 + (256 * 4 + 4)
    gated = _blstm.Fusion(4, [SOUND, WORDS], [_blstm.Encoder(*shared), _blstm.Encoder(768, *shared[1:])], 128)
    assert [tuple(p.shape) for p in gated.unit.parameters()][::2] == [(128, 256), (128, 256), (128, 512)]


def test_batches_have_no_more_steps_than_their_longest_row():
    rows = side(1, 5)
    lengths = rows.inputs[SOUND].lengths
    batch = _blstm.Sequences(rows, [SOUND])[torch.tensor([3, 0])]
    assert batch.values[SOUND].shape == (2, max(lengths[[0, 3]]), 5)
    np.testing.assert_array_equal(batch.values[SOUND][1, : lengths[0]], rows.inputs[SOUND][0])
    assert not batch.values[SOUND][0, lengths[3] :].any()


@pytest.mark.parametrize("pool", ["last", "cls", "average", "attention"])
def test_it_learns_keeps_the_best_epoch_and_returns_attention_per_step(trained, pool):
    data = fold(WORDS)
    one, apply = trained("blstm", data, pool=pool, **SMALL)
    output, scores = apply(data.test), [line["dev_accuracy"] for line in one.history]
    assert (output.probabilities.argmax(1) == TRUTH).mean() > 0.8 and scores[one.facts["epoch"] - 1] == max(scores)
    np.testing.assert_allclose(one.state["network.encoder.mean"], data.train.inputs[WORDS].values.mean(0), rtol=1e-4)
    again = apply(data.test.take([5, 3]))
    np.testing.assert_allclose(again.extras["hidden"].values, output.extras["hidden"].values[[5, 3]], atol=1e-5)
    if pool == "attention":
        weights = output.extras["attention"]
        assert (weights.lengths == data.test.inputs[WORDS].lengths).all()
        np.testing.assert_allclose([row.sum() for row in weights], 1, rtol=1e-5)
        np.testing.assert_allclose(again.extras["attention"][1], weights[3], atol=1e-5)


def test_a_training_that_was_stopped_resumes_with_the_same_result(tmp_path):
    module, data, options = plugin.find("models", "blstm"), fold(SOUND), SMALL | {"pool": "attention", "epochs": 3}
    whole = learn(module, data, options, seed=1, checkpoint=tmp_path / "whole")
    learn(module, data, options | {"epochs": 1}, seed=1, checkpoint=tmp_path / "part")
    resumed = learn(module, data, options, seed=1, checkpoint=tmp_path / "part")
    assert resumed.history == whole.history
    assert all(np.array_equal(value, whole.state[name]) for name, value in resumed.state.items())


@pytest.fixture
def parents(trained):
    """Trained models of sound and of words, by the names of inputs."""

    def function(pool: str, **options) -> dict[str, Trained]:
        return {
            f"run:{name}.weights": trained("blstm", fold(feature), pool=pool, **SMALL | options)[0]
            for name, feature in (("a", SOUND), ("w", WORDS))
        }

    return function


def test_concatenation_starts_as_the_sum_of_both_heads(trained, parents):
    first = parents("average", epochs=2)
    data = replace(fold(WORDS, SOUND), parents=first)
    _, apply = trained("blstm_fusion", data, fusion="concatenate", batch=8, epochs=1, lr=1e-12)
    module = plugin.find("models", "blstm")
    alone = [
        ask(module, first[f"run:{run}.weights"], data.test.only(n), {"pool": "average"})
        for run, n in (("a", SOUND), ("w", WORDS))
    ]
    product = np.prod([output.probabilities for output in alone], axis=0)
    np.testing.assert_allclose(apply(data.test).probabilities, product / product.sum(1, keepdims=True), atol=1e-4)
    vectors = np.concatenate([output.extras["hidden"].values for output in alone], axis=1)
    np.testing.assert_allclose(apply(data.test).extras["hidden"].values, vectors, atol=1e-5)


def test_gated_fusion_learns_and_returns_gate_and_attentions(trained, parents):
    first = parents("attention", epochs=3)
    data = replace(fold(SOUND, WORDS), parents=first)
    one, apply = trained("blstm_fusion", data, batch=8, epochs=4, lr=0.01, size=7)
    output = apply(data.test)
    assert (output.probabilities.argmax(1) == TRUTH).mean() > 0.8
    gate = output.extras["gate"].values
    assert gate.shape == (24, 7) and 0 < gate.min() < gate.max() < 1
    assert (output.extras["acoustic_attention"].lengths == data.test.inputs[SOUND].lengths).all()
    assert (output.extras["lexical_attention"].lengths == data.test.inputs[WORDS].lengths).all()
    assert not np.array_equal(
        one.state["network.encoders.0.query.weight"], first["run:a.weights"].state["network.encoder.query.weight"]
    )


def test_rows_without_one_input_or_both_have_a_defined_output(trained, parents):
    data = replace(fold(SOUND, WORDS), parents=parents("attention", epochs=1))
    _, apply = trained("blstm_fusion", data, batch=8, epochs=1, size=7)
    silent = apply(data.test.hiding([SOUND]))
    assert np.isfinite(silent.probabilities).all() and not silent.extras["acoustic_attention"].lengths.any()
    nothing = apply(data.test.hiding([SOUND, WORDS]))
    np.testing.assert_allclose(nothing.probabilities, 1 / 3, rtol=1e-5)
    assert {name: store.values.shape[1] for name, store in nothing.extras.items()} == {
        **{"hidden": 7, "gate": 7, "acoustic_attention": 1, "lexical_attention": 1}
    }


@pytest.mark.parametrize("model", ["blstm", "blstm_fusion"])
def test_few_rows_an_absent_class_one_step_and_no_dev_rows(trained, parents, model):
    inputs = [WORDS] if model == "blstm" else [SOUND, WORDS]
    data = fold(*inputs, train=5)
    one_step = {name: ragged([row[:1] for row in store]) for name, store in data.train.inputs.items()}  # [CLS] alone
    train = replace(data.train, inputs=one_step).take(np.flatnonzero(data.train.label < 2))
    data = replace(data, train=train, dev=data.dev.take([]))
    if model == "blstm_fusion":
        data = replace(data, parents=parents("attention", epochs=1))
    one, apply = trained(model, data, batch=8, epochs=1)
    assert one.facts["dev_accuracy"] is None
    missing = apply(data.test.hiding(inputs))
    np.testing.assert_allclose(missing.probabilities, [[0.5, 0.5, 0]] * 24)
    assert len(apply(data.test.take([])).probabilities) == 0


def test_unusable_inputs_and_parents_are_refused(trained, parents):
    with pytest.raises(InputError, match=r"input audio.descriptors: its first step is not \[CLS\]"):
        trained("blstm", fold(SOUND), pool="cls")
    with pytest.raises(InputError, match="it has 2 inputs"):
        trained("blstm", fold(SOUND, WORDS))
    data = fold(WORDS)
    with pytest.raises(InputError, match="no train row has it"):
        trained("blstm", replace(data, train=data.train.hiding([WORDS])))
    with pytest.raises(InputError, match="are not one of words and one other"):
        trained("blstm_fusion", fold(SOUND))
    with pytest.raises(InputError, match=r"input audio.descriptors: no parent is a blstm"):
        trained("blstm_fusion", fold(SOUND, WORDS))
    with pytest.raises(InputError, match=r"input run:a.weights: its pool is 'average'"):
        trained("blstm_fusion", replace(fold(SOUND, WORDS), parents=parents("average", epochs=1)))
