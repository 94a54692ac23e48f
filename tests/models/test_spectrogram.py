"""AudioCNN, TextRNN, a fine-tuned transformer, early fusion: they learn, keep the best epoch, refuse bad data.

Covers: models/_classifier, models/_transformer, models/audio_cnn, models/early_fusion, models/text_rnn,
models/text_transformer.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from _light import CLASSES, WORDS
from _small import ragged
from conftest import utterance

from emospace.core import plugin
from emospace.core.data import Fold, Rows
from emospace.core.errors import InputError
from emospace.models import _classifier
from emospace.models._spectrogram import AudioCnn, TextRnn
from emospace.runs.applying import ask, learn
from emospace.training.rates import Plateau
from emospace.views import text
from emospace.weights.record import Weights

TRUTH = np.arange(24) % 3
OPTIONS = {
    "audio_cnn": {"hidden": 16, "epochs": 3, "lr": 0.002, "batch": 8},
    "text_rnn": {"longest": 4, "hidden": 8, "embedding": 8, "epochs": 6, "lr": 0.03, "batch": 8},
    "early_fusion": {"hidden": 16, "epochs": 8, "lr": 0.02, "batch": 8},
    "text_transformer": {"longest": 8, "epochs": 5, "lr": 0.001, "batch": 8},
}
INPUT = {"audio_cnn": "audio.mel", "text_rnn": "text", "early_fusion": "run:a.hidden", "text_transformer": "text"}


def items(model: str, label: np.ndarray, draw: np.random.Generator):
    """Inputs of a model that lean to the label."""
    if model == "audio_cnn":
        images = draw.normal(-60, 5, (len(label), 18, 16)).astype(np.float32)
        for image, k in zip(images, label, strict=True):
            image[:, 5 * k : 5 * k + 5] += 40
        return ragged(list(images))
    if model == "early_fusion":
        return ragged(list((draw.normal(size=(len(label), 1, 6)) + 3 * np.eye(6)[label][:, None]).astype(np.float32)))
    return [f"the {draw.choice(WORDS[k])} street" for k in label]


def side(model: str, seed: int, count: int) -> Rows:
    draw, label = np.random.default_rng(seed), np.arange(count) % 3
    unknown, names = np.full(count, -1), [f"u{seed}_{i}" for i in range(count)]
    inputs = {INPUT[model]: items(model, label, draw)}
    return Rows(names, ["s"] * count, inputs, label, unknown, np.full((count, 3), np.nan, np.float32))


def fold(model: str, train: int = 48) -> Fold:
    return Fold(CLASSES, side(model, 1, train), side(model, 2, 24), side(model, 3, 24))


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Weights:
    """A tiny BERT with random weights and a vocabulary of the words of the texts."""
    import transformers

    from emospace.core import torchvision_shim

    torchvision_shim.ensure()
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "street", *(word for pair in WORDS for word in pair)]
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    small |= {"initializer_range": 0.4, "hidden_dropout_prob": 0.0}  # so that a few steps suffice
    config = transformers.BertConfig(vocab_size=len(words), **small)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        transformers.BertModel(config).save_pretrained(folder)
    return Weights("tiny", folder, "local", "", "", {}, False, "")


@pytest.fixture
def trained(tmp_path, weights):
    """A function that trains a model by name and returns it with a function that applies it."""

    def function(model: str, data: Fold, **options):
        module, options = plugin.find("models", model), OPTIONS[model] | options
        supplied = {"weights": weights} if module.WEIGHTS else {}
        one = learn(module, data, options, seed=1, checkpoint=tmp_path / model, **supplied)
        return one, lambda rows: ask(module, one, rows, options, **supplied)

    return function


def test_the_networks_have_the_published_sizes():
    cnn, rnn = AudioCnn(8, 130, 128, 512).eval(), TextRnn(8, 40, 128, 256).eval()
    with torch.no_grad():
        assert [part.shape for part in cnn(torch.zeros(2, 130, 128))] == [(2, 8), (2, 512)]
        words = torch.tensor([[3, 4, 0, 0], [0, 0, 0, 0]])
        assert [part.shape for part in rnn(words)] == [(2, 8), (2, 512)]
        assert torch.allclose(rnn(words)[1][0], rnn(words[:1, :2])[1][0], atol=1e-6)
    assert sum(p.numel() for p in cnn.parameters()) == 240_256 + 704 + 4_194_816 + 4_104  # by layer


@pytest.mark.parametrize("model", OPTIONS)
def test_it_learns_keeps_the_best_epoch_and_gives_what_its_last_layer_reads(trained, model):
    data = fold(model)
    one, apply = trained(model, data)
    output, scores = apply(data.test), [line["dev_accuracy"] for line in one.history]
    assert (output.probabilities.argmax(1) == TRUTH).mean() > (0.6 if model == "text_transformer" else 0.8)
    assert scores[one.facts["epoch"] - 1] == max(scores) == (apply(data.dev).probabilities.argmax(1) == TRUTH).mean()
    values = output.extras["hidden"].values
    assert len(values) == 24 and np.ptp(values, axis=0).any()
    again = apply(data.test.take([3, 4]))
    np.testing.assert_allclose(again.extras["hidden"].values, values[3:5], atol=1e-5)


@pytest.mark.parametrize("model", OPTIONS)
def test_few_rows_a_missing_class_no_dev_rows_and_rows_without_the_input(trained, model):
    data = fold(model, train=5)
    two = replace(data, train=data.train.take(np.flatnonzero(data.train.label < 2)), dev=data.dev.take([]))
    one, apply = trained(model, two, epochs=1)
    assert one.facts["dev_accuracy"] is None and one.facts["epoch"] == 1
    missing = apply(data.test.hiding([INPUT[model]]))
    np.testing.assert_allclose(missing.probabilities, [[0.5, 0.5, 0]] * 24)
    assert not missing.extras["hidden"].values.any() and len(apply(data.test.take([])).probabilities) == 0


@pytest.mark.parametrize("model", OPTIONS)
def test_training_without_any_input_is_refused(trained, model):
    data = fold(model)
    with pytest.raises(InputError, match="no train row has"):
        trained(model, replace(data, train=data.train.hiding([INPUT[model]])))


def test_only_audio_cnn_reduces_its_rate_on_a_plateau_of_the_loss(trained, monkeypatch):
    plateaus, fit = [], _classifier.fit

    def watched(network, average, rows, losses, score, schedule, *others):
        plateaus.append(schedule.plateau)
        return fit(network, average, rows, losses, score, schedule, *others)

    monkeypatch.setattr(_classifier, "fit", watched)
    for model, options in {"audio_cnn": {"reduce_to": 0.1, "reduce_after": 0}, "text_rnn": {}}.items():
        trained(model, fold(model, train=8), epochs=1)
        trained(model, fold(model, train=8), epochs=1, **options)
    assert plateaus == [Plateau("dev_loss", 0.5, 3), Plateau("dev_loss", 0.1, 0), None, None]


def test_unusable_inputs_are_refused(trained):
    data = fold("early_fusion")
    wrong = replace(data.train, inputs={"run:a": data.train.inputs["run:a.hidden"]})
    with pytest.raises(InputError, match="reads the extras"):
        trained("early_fusion", replace(data, train=wrong))
    data = fold("audio_cnn")
    narrow = replace(data.train, inputs={"audio.mel": ragged([np.zeros((18, 9), np.float32)] * 48)})
    with pytest.raises(InputError, match="18 x 9, but four poolings need"):
        trained("audio_cnn", replace(data, train=narrow))


def test_a_simulated_text_reveals_every_label(trained, tmp_path):
    """So a score of 100 % with such texts says nothing; the same model finds nothing in the given sentence."""
    data, scores = fold("text_rnn"), {}
    for source in ("simulated", "given"):
        sides = []
        for side in (data.train, data.dev, data.test):
            rows = [
                utterance(u, label=CLASSES[k], text="the same")
                for u, k in zip(side.utterances, side.label, strict=True)
            ]
            text.extract(rows, tmp_path, tmp_path / "t.csv", source=source)
            sides.append(replace(side, inputs={"text": list(text.read(tmp_path / "t.csv", rows))}))
        _, apply = trained("text_rnn", Fold(CLASSES, *sides), longest=64)
        scores[source] = (apply(sides[2]).probabilities.argmax(1) == TRUTH).mean()
    assert scores == {"simulated": 1.0, "given": pytest.approx(1 / 3)}
