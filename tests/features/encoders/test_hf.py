"""Encoders that use transformers: tiny real architectures with random weights, saved and loaded like real ones.

Covers: features/encoders/_steps, features/encoders/hf_audio, features/encoders/hf_image, features/encoders/hf_text,
features/encoders/hf_words.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from _jpegs import jpeg
from safetensors.torch import load_file, save_file

from emospace.core import torchvision_shim
from emospace.core.errors import InputError
from emospace.features.encoders import _hf, hf_audio, hf_image, hf_text, hf_words
from emospace.features.encoders._steps import pooled
from emospace.weights.record import Weights

torchvision_shim.ensure()
RATE = 16_000
WIDTH, LAYERS = 16, 3
SMALL = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 32}
CONV = {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
WAVES = {
    "wav2vec2 group": ("Wav2Vec2", {}),  # like base: normalised over time, so clips must not be padded
    "wav2vec2 layer": ("Wav2Vec2", STABLE),
    "hubert": ("Hubert", STABLE),
    "wavlm": ("WavLM", STABLE),
    "data2vec": ("Data2VecAudio", {}),
}
LENGTHS = [8000, 21_337, 8000, 400, 16_000]


def of_folder(folder: Path) -> Weights:
    return Weights("tiny", folder, "local", "", "", {}, False, "")


def saved(folder: Path, network, *others) -> Weights:
    for part in (network, *others):
        part.save_pretrained(folder)
    return of_folder(folder)


def drawn(name: str, config):
    """A network of the class `name` with random weights."""
    import transformers

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return getattr(transformers, name)(config).eval()


@pytest.fixture(scope="module", params=WAVES)
def waves(request, tmp_path_factory) -> Weights:
    """A network that takes waveforms."""
    import transformers

    architecture, options = WAVES[request.param]
    config = getattr(transformers, f"{architecture}Config")(**SMALL, **CONV, **options)
    masked = request.param != "wav2vec2 group"
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=masked)
    return saved(tmp_path_factory.mktemp("waves"), drawn(f"{architecture}Model", config), extractor)


def clips() -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [(draw.standard_normal(n) * 2000).astype(np.int16) for n in LENGTHS]


def test_states_of_waveforms_do_not_depend_on_their_batch(waves):
    encoder = hf_audio.load(weights=waves, rate=RATE, layers=(0, -1), per_second=50, batch=3)
    together = encoder(clips(), [""] * 5)
    alone = [encoder([clip], [""])[0] for clip in clips()]
    for rows, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(rows, one, atol=2e-5)
    assert encoder.facts["layers"] == [0, LAYERS] and together[1].shape[1] == 2 * WIDTH
    assert [len(rows) for rows in together] == [24, 66, 24, 4, 49]  # the shortest is padded with silence
    last = hf_audio.load(weights=waves, rate=RATE, per_second=50)(clips(), [""] * 5)
    np.testing.assert_allclose(last[1], together[1][:, WIDTH:], atol=2e-5)
    coarse = hf_audio.load(weights=waves, rate=RATE)(clips()[1:2], [""])[0]
    np.testing.assert_allclose(coarse, pooled(last[1], 4), atol=2e-5)


def test_states_equal_those_of_transformers(waves):
    import transformers

    clip = clips()[1]
    network = transformers.AutoModel.from_pretrained(waves.directory).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(waves.directory)
    with torch.inference_mode():
        inputs = extractor(clip.astype(np.float32) / 32768, sampling_rate=RATE, return_tensors="pt")
        theirs = network(inputs["input_values"], output_hidden_states=True)
    states = hf_audio.load(weights=waves, rate=RATE, layers=(1, 3), per_second=50)([clip], [""])[0]
    np.testing.assert_allclose(states[:, :WIDTH], theirs.hidden_states[1][0], atol=2e-5)
    np.testing.assert_allclose(states[:, WIDTH:], theirs.last_hidden_state[0], atol=2e-5)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory) -> Weights:
    import transformers

    sizes = {"d_model": WIDTH, "encoder_layers": LAYERS, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    sizes |= {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 32, "vocab_size": 64}
    ids = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0)
    network = drawn("WhisperModel", transformers.WhisperConfig(**sizes, **ids))
    return saved(tmp_path_factory.mktemp("whisper"), network, transformers.WhisperFeatureExtractor())


def test_whisper_states_cover_the_clip_in_windows_of_30_s(whisper):
    encoder = hf_audio.load(weights=whisper, rate=RATE, layers=(2, -1), per_second=25, batch=2)
    long = np.resize(clips()[1], 31 * RATE)
    short, whole = encoder([clips()[1], long], ["", ""])
    assert short.shape == (34, 2 * WIDTH) and whole.shape == (775, 2 * WIDTH)
    np.testing.assert_allclose(whole[:750], encoder([long[: 30 * RATE]], [""])[0], atol=2e-5)
    assert encoder.facts["network"] == "WhisperEncoder"


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Weights:
    import transformers

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "am", "happy", "sad", "so", "very"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=32)
    return saved(folder, drawn("BertModel", transformers.BertConfig(**SMALL, vocab_size=len(words))), tokenizer)


TEXTS = ["i am happy", "i am so very very sad", "so", "i am happy", " ".join(["very"] * 100)]


@pytest.mark.parametrize(("pool", "steps"), [("mean", [1] * 5), ("first", [1] * 5), ("tokens", [5, 8, 3, 5, 32])])
def test_padding_of_texts_is_masked_in_pooling(bert, pool, steps):
    encoder = hf_text.load(weights=bert, pool=pool, layers=(-2, -1), batch=2)
    states = encoder(TEXTS, [""] * 5)
    assert [rows.shape for rows in states] == [(n, 2 * WIDTH) for n in steps]
    for text, rows in zip(TEXTS, states, strict=True):
        np.testing.assert_allclose(rows, encoder([text], [""])[0], atol=1e-5)
    tokens = hf_text.load(weights=bert, pool="tokens", layers=(-2, -1))(TEXTS, [""] * 5)
    expected = {"mean": [t.mean(0, keepdims=True) for t in tokens], "first": [t[:1] for t in tokens], "tokens": tokens}
    for rows, theirs in zip(states, expected[pool], strict=True):
        np.testing.assert_allclose(rows, theirs, atol=1e-5)


def timed(text: str) -> list[tuple[str, float, float]]:
    return [(word, float(k), k + 1.0) for k, word in enumerate(text.split())]


def test_states_of_words_are_means_over_their_tokens_after_the_first_token(bert):
    encoder = hf_words.load(weights=bert, batch=2)
    rows = encoder([timed(text) for text in TEXTS[:4]], [""] * 4)
    tokens = hf_text.load(weights=bert, pool="tokens")(TEXTS[:4], [""] * 4)
    assert [len(states) for states in rows] == [4, 7, 2, 4]
    for states, theirs in zip(rows, tokens, strict=True):
        np.testing.assert_allclose(states, theirs[:-1], atol=1e-5)  # without [SEP]
    long = "verysosad am veryvery"  # unknown words: one token each here, so contractions tell tokens from words
    contracted = hf_words.load(weights=bert)([timed("i'm happy"), timed("i am happy")], [""] * 2)
    np.testing.assert_allclose(contracted[0][1], contracted[1][1:3].mean(0), atol=1e-5)
    assert [len(states) for states in contracted] == [3, 4] and len(encoder([timed(long)], [""])[0]) == 4


def test_markers_are_masked_one_word_is_enough_and_words_beyond_the_limit_have_no_step(bert):
    encoder = hf_words.load(weights=bert)
    marked = encoder([timed("so <sil>"), timed("so [MASK]"), timed("so ++LAUGHTER++"), timed("so")], [""] * 4)
    assert np.array_equal(marked[0], marked[1]) and np.array_equal(marked[0], marked[2]) and len(marked[3]) == 2
    assert len(encoder([timed(TEXTS[4])], [""])[0]) == 1 + 30  # 32 tokens with [CLS] and [SEP]
    empty = encoder([timed("so"), [("\u200b", 0.0, 1.0), ("so", 1.0, 2.0)]], [""] * 2)[1]
    assert not empty[1].any() and empty[2].any()


@pytest.mark.parametrize(
    ("word", "full"),
    [("Don't", "do not"), ("won\u2019t", "will not"), ("it's", "it is"), ("John's", "John's"), ("they're", "they are")],
)
def test_contractions_are_read_in_full(word, full):
    assert hf_words.expanded(word) == full


@pytest.fixture(scope="module")
def vit(tmp_path_factory) -> Weights:
    import transformers

    network = drawn("ViTModel", transformers.ViTConfig(**SMALL, image_size=32, patch_size=8))
    processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    return saved(tmp_path_factory.mktemp("vit"), network, processor)


def test_images_keep_their_rows(vit):
    rows = [[jpeg(40, 32, 1), jpeg(40, 32, 2)], [jpeg(20, 50, 3)], [jpeg(32, 32, 4)]]
    encoder = hf_image.load(weights=vit, layers=(1, -1), batch=3)
    together = encoder(rows, [""] * 3)
    assert [states.shape for states in together] == [(2, 2 * WIDTH), (1, 2 * WIDTH), (1, 2 * WIDTH)]
    for row, states in zip(rows, together, strict=True):
        np.testing.assert_allclose(states, encoder([row], [""])[0], atol=1e-5)
    mean = hf_image.load(weights=vit, pool="mean")(rows, [""] * 3)
    assert not np.allclose(mean[1], together[1][:, WIDTH:])


def test_bf16_is_for_cuda_only(bert, monkeypatch):
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match=r"encoder hf_text: option precision: bf16 needs CUDA.*precision: auto"):
            hf_text.load(weights=bert, precision="bf16")
        assert hf_text.load(weights=bert, precision="auto").facts["precision"] == "fp32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert [_hf.precision_on(cuda, p, "x") for p in ("fp32", "bf16", "auto")] == ["fp32", "bf16", "bf16"]
    assert [_hf.precision_on(cpu, p, "x") for p in ("fp32", "auto")] == ["fp32", "fp32"]


def test_bf16_states_are_close_to_fp32(bert, monkeypatch):
    exact = hf_text.load(weights=bert)(TEXTS[:2], [""] * 2)[0]
    monkeypatch.setattr(_hf, "precision_on", lambda device, option, encoder: option)  # run it on the CPU all the same
    rough = hf_text.load(weights=bert, precision="bf16")(TEXTS[:2], [""] * 2)[0]
    np.testing.assert_allclose(exact, rough, atol=0.1)
    assert not np.array_equal(exact, rough) and rough.dtype == np.float32


@pytest.mark.parametrize("module", [hf_audio, hf_text, hf_words, hf_image])
def test_weights_that_are_missing_random_or_of_another_modality_are_refused(module, bert, vit, tmp_path):
    rate = {"rate": RATE} if module is hf_audio else {}
    random = Weights("x", tmp_path, "random", "", "", {}, True, "why")
    with pytest.raises(InputError, match="needs pretrained weights"):
        module.load(weights=None, **rate)
    with pytest.raises(InputError, match=r"cannot have random weights \(why\)"):
        module.load(weights=random, **rate)
    with pytest.raises(InputError, match="cannot be loaded by transformers"):
        module.load(weights=of_folder(tmp_path), **rate)
    with pytest.raises(InputError, match=r"cannot be loaded by transformers|does not take|is not an image transformer"):
        module.load(weights=vit if module in (hf_text, hf_words) else bert, **rate)


def test_incomplete_weights_are_never_completed_at_random(bert, tmp_path):
    for path in bert.directory.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    states = load_file(bert.directory / "model.safetensors")

    def keep(condition) -> None:
        kept = {name: tensor for name, tensor in states.items() if condition(name)}
        save_file(kept, tmp_path / "model.safetensors", {"format": "pt"})

    keep(lambda name: "pooler" not in name)
    expected = hf_text.load(weights=bert)(TEXTS[:1], [""])[0]
    assert (hf_text.load(weights=of_folder(tmp_path))(TEXTS[:1], [""])[0] == expected).all()
    keep(lambda name: "layer.1." not in name)
    with pytest.raises(InputError, match=r"its files lack 16 parameters of the network, such as encoder\.layer\.1\."):
        hf_text.load(weights=of_folder(tmp_path))


def test_an_unknown_layer_and_another_rate_are_refused(waves, bert):
    with pytest.raises(InputError, match=r"option layers: there is no layer 4\. use 0 to 3"):
        hf_text.load(weights=bert, layers=(4,))
    with pytest.raises(InputError, match="takes 16000 Hz, but the view is at 8000"):
        hf_audio.load(weights=waves, rate=8000)


def test_pickled_weights_are_never_read(bert, tmp_path):
    for path in bert.directory.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be loaded by transformers"):
        hf_text.load(weights=of_folder(tmp_path))
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "bert"
