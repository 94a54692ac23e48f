"""Layers of an encoder side by side: the space learns their weights, and knows their number from the sidecars.

Covers: features/encoders/_layers.
"""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from _small import BRIEF, CLASSES, SMALL, probabilities, ragged
from conftest import utterance

from emospace.core import manifest, plugin, store, torchvision_shim
from emospace.core.data import Fold, Rows
from emospace.core.provenance import write_json
from emospace.core.sidecars import about
from emospace.models import unified
from emospace.models.unified.encoder import LayerMixture, SequenceEncoder, Shape
from emospace.models.unified.linear_path import LinearPath, LinearPaths
from emospace.runs.applying import ask, learn
from workflow_scripts import embed

LAYERS, WIDTH = 3, 8
INFORMED = 1  # the layer that depends on the label
STATES = {"audio.states": {"holds": "embedding", "rate": 16_000, "layers": LAYERS}}


def rows_of(inputs: list[np.ndarray], seed: int, hidden: bool = False) -> Rows:
    count = len(inputs)
    label, unknown = np.arange(count) % len(CLASSES), np.full(count, -1)
    names = [f"u{seed}_{i}" for i in range(count)]
    unrated = np.full((count, 3), np.nan, np.float32)
    store = {"audio.states": ragged(inputs)}
    return Rows(names, names, store, unknown if hidden else label, unknown if hidden else label % 2, unrated)


def layered(seed: int, count: int, hidden: bool = False) -> Rows:
    """Rows of LAYERS x WIDTH values a step, of which only one layer depends on the label."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, 32, LAYERS, WIDTH)).astype(np.float32)
    values[:, :, INFORMED] += 0.7 * np.eye(len(CLASSES), WIDTH)[np.arange(count) % len(CLASSES)][:, None]
    return rows_of(list(values.reshape(count, 32, -1)), seed, hidden)


def test_the_mixture_is_the_mean_of_the_layers_at_first_then_weighted():
    values = torch.randn(2, 5, LAYERS * WIDTH)
    mixture, layers = LayerMixture(LAYERS), values.split(WIDTH, dim=2)
    torch.testing.assert_close(mixture(values), sum(layers) / LAYERS)
    mixture.logits.data = torch.tensor([0.0, 9.0, 0.0])
    torch.testing.assert_close(mixture(values), layers[INFORMED])


def test_one_layer_has_no_weights_and_several_share_one_linear_layer():
    one, several = (SequenceEncoder(Shape(24, "sequence", layers), 16, 16, 8, 0.0) for layers in (1, LAYERS))
    assert not [name for name, _ in one.named_parameters() if "mixture" in name]
    assert one.enter[0].in_features == 24 and several.enter[0].in_features == 8


def test_the_layer_that_knows_the_label_gets_the_weight(tmp_path):
    fold = Fold(CLASSES, layered(1, 90), layered(2, 30), layered(3, 30, hidden=True), about=STATES)
    trained = unified.train(fold, seed=1, checkpoint=tmp_path / "layers", **SMALL, linear=False)
    weights = trained.facts["layer_weights"]["audio.states"]
    assert sum(weights) == pytest.approx(1) and weights[INFORMED] > 0.6
    assert (probabilities(unified, trained, fold)[30:].argmax(1) == np.arange(30) % 3).mean() > 0.9
    plain = unified.train(replace(fold, about={}), seed=1, checkpoint=tmp_path / "plain", **BRIEF)
    assert plain.facts["layer_weights"] == {}


def test_each_layer_has_a_linear_path_weighted_on_dev(tmp_path):
    fold = Fold(CLASSES, layered(1, 90), layered(2, 30), layered(3, 30, hidden=True), about=STATES)
    trained = unified.train(fold, seed=1, checkpoint=tmp_path, **BRIEF)
    linear = {name: w for name, w in trained.facts["path_weights"].items() if "linear" in name}
    assert list(linear) == [f"audio.states linear {layer}" for layer in (1, 2, 3)] == list(trained.facts["shrinkages"])
    assert max(linear, key=linear.get) == f"audio.states linear {INFORMED + 1}"
    paths = LinearPaths(LAYERS * WIDTH, LAYERS, 2, 3)
    tables = [np.random.default_rng(k).normal(size=(30, 2, LAYERS * WIDTH)) for k in (1, 2)]
    paths.fit((tables[0], fold.dev.label), (tables[1], fold.dev.label))
    layer = slice(INFORMED * WIDTH, (INFORMED + 1) * WIDTH)
    own = [table[:, :, layer].reshape(30, 2 * WIDTH) for table in tables]
    alone = LinearPath(2 * WIDTH, 3)
    alone.fit((own[0], fold.dev.label), (own[1], fold.dev.label))
    torch.testing.assert_close(paths(torch.from_numpy(tables[1]))[:, INFORMED], alone(torch.from_numpy(own[1])))


# From an encoder's option to the weights ------------------------------------------------------------------------------


@pytest.fixture
def whisper(tmp_path) -> Path:
    """Record of a tiny Whisper network with random weights, saved by transformers."""
    torchvision_shim.ensure()
    import transformers

    sizes = {"d_model": 16, "encoder_layers": 3, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    sizes |= {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 32, "vocab_size": 64}
    ids = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = transformers.WhisperModel(transformers.WhisperConfig(**sizes, **ids))
    for part in (network, transformers.WhisperFeatureExtractor()):
        part.save_pretrained(tmp_path / "tiny")
    record = dict.fromkeys(("source", "revision", "why"), "") | {"name": "tiny", "kind": "folder"}
    write_json(tmp_path / "tiny/weights.json", record | {"random": False, "files": {}})
    return tmp_path / "tiny/weights.json"


def test_layers_of_an_encoder_reach_the_space(whisper, tmp_path, monkeypatch):
    """The option `layers` of an encoder, its job and sidecar, then a training: nothing but the option names them."""
    monkeypatch.chdir(tmp_path)
    count, sounds = 24, np.random.default_rng(0)
    time = np.arange(16_000) / 16_000
    tones = [np.sin(2 * np.pi * (300 + 600 * (i % 3)) * time) + sounds.normal(size=len(time)) for i in range(count)]
    manifest.write(Path("part.csv"), [utterance(f"u{i:02}") for i in range(count)])
    store.write(Path("view.npy"), [(3000 * tone).astype(np.int16) for tone in tones], dtype=np.int16)
    write_json(Path("view.json"), {"sample_rate": 16_000})
    names = ("view", "view_sidecar", "manifest", "out", "sidecar")
    paths = map(Path, ("view.npy", "view.json", "part.csv", "f.npy", "f.json"))
    args = SimpleNamespace(**dict(zip(names, paths, strict=True)), weights=whisper, known=[], threads=1)
    options = {"layers": [0, 2, -1]}
    embed.job(args, {"feature": "audio.states", "plugin": "hf_audio", "reader": "audio", "options": options})

    states = store.Ragged.open(Path("f.npy"))
    rows = rows_of([np.asarray(states[i]) for i in range(count)], 1)
    fold = Fold(CLASSES, rows, rows, rows.take(np.arange(0)), about=about([Path("f.json")]))
    model = plugin.find("models", "unified")
    trained = learn(model, fold, BRIEF, seed=1, checkpoint=tmp_path / "c", device="cpu")
    assert len(trained.facts["layer_weights"]["audio.states"]) == 3
    assert trained.state["encoders.audio/states.enter.0.weight"].shape == (16, 16)
    assert trained.state["linear.audio/states.1.weight"].shape == (3, 2 * 16)
    assert ask(model, trained, rows, BRIEF, device="cpu").probabilities.shape == (count, 3)
