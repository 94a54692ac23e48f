"""Back-translation through real MarianMT models: tiny, with seeded random weights and freshly trained tokenizers.

Covers: speech/sentences, views/_translated.
"""

import csv
import json
import random
from pathlib import Path

import pytest
from _marian import LINES, record, tiny_marian

from emospace.core.errors import InputError
from emospace.core.provenance import canonical, read_json, write_json
from emospace.core.texts import read_flags, read_made
from emospace.speech import translation
from emospace.speech.sentences import segments
from emospace.speech.translation import Settings
from emospace.views._translated import translate as translated
from emospace.weights.record import open_weights


def limits(num_beams: int, max_source: int, max_output: int, **options) -> Settings:
    return Settings(num_beams=num_beams, max_source=max_source, max_output=max_output, **options)


QUICK = limits(2, 24, 12, budget=96)
REMEDY = "snakemake --cores 1 weights"


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """en -> fr -> de -> en."""
    folder = tmp_path_factory.mktemp("models")
    steps = [("en", "fr"), ("fr", "de"), ("de", "en")]
    return [tiny_marian(folder / f"tiny-{a}-{b}", seed, a, b) for seed, (a, b) in enumerate(steps)]


@pytest.fixture
def fresh_model(tmp_path):
    """A separate model that a test may damage."""
    return tiny_marian(tmp_path / "models" / "tiny-en-fr", 0, "en", "fr")


def _extract(chain, texts, out, cache=None, **options):
    names = [f"d_{i}" for i in range(len(texts))]
    quick = {"num_beams": 2, "max_source": 24, "max_output": 12, "budget": 96}
    return translated(texts, names, out, cache, weights=chain, settings=Settings(**quick, **options))


def test_the_table_has_rows_and_flags_and_the_facts_count_them(chain, tmp_path):
    texts = ["Why did you lie to me?", "", "[LAUGHTER]", "The kids are talking", "Why did you  lie to me?", "  "]
    problems, facts = _extract(chain, texts, tmp_path / "p.csv")
    with open(tmp_path / "p.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["utterance"] for row in rows] == [f"d_{i}" for i in range(6)]
    assert read_flags(tmp_path / "p.csv") == [
        "cut off",
        "empty source",
        "unchanged",
        "cut off",
        "cut off",
        "empty source",
    ]
    copies = read_made(tmp_path / "p.csv")
    assert copies[0] == copies[4] != texts[0]
    assert copies[0] != copies[3]  # the translation depends on the source
    assert copies[1:3] == ["", "[LAUGHTER]"]
    assert problems == []
    assert facts["flags"] == {"ok": 0, "unchanged": 1, "empty source": 2, "empty result": 0, "cut off": 3}
    assert [m["name"] for m in facts["translation"]["models"]] == ["tiny-en-fr", "tiny-fr-de", "tiny-de-en"]
    assert facts["translation"]["models"][0]["pieces"] == 2  # duplicates are translated once
    assert facts["translation"]["num_beams"] == 2
    assert str(tmp_path) not in canonical(facts)


def test_equal_input_gives_equal_bytes(chain, tmp_path):
    for name in ("a", "b"):
        _extract(chain, LINES, tmp_path / f"{name}.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_batches_have_similar_lengths_and_keep_to_the_budget():
    draw = random.Random(0)
    sizes = {f"piece {i}": draw.randint(1, 40) for i in range(300)} | {"long": 500}
    batches = list(translation.batches(sizes, budget=200))
    assert sorted(piece for batch in batches for piece in batch) == sorted(sizes)
    lengths = [[sizes[piece] for piece in batch] for batch in batches]
    assert [size for batch in lengths for size in batch] == sorted(sizes.values(), reverse=True)
    assert all(len(batch) * max(batch) <= 200 for batch in lengths if len(batch) > 1)
    assert all((len(batch) + 1) * max(batch) > 200 for batch in lengths[:-1])


def test_each_model_of_the_chain_translates(chain):
    once, *_ = translation.translate(LINES, chain[:1], QUICK)
    twice, *_ = translation.translate(once, chain[1:2], QUICK)
    both, *_ = translation.translate(LINES, chain[:2], QUICK)
    assert both == twice != once


def test_the_batch_does_not_affect_the_result(chain):
    alone, *_ = translation.translate(LINES, chain, limits(2, 24, 12, budget=1))
    together, *_ = translation.translate(LINES, chain, limits(2, 24, 12, budget=10_000))
    assert alone == together
    assert len(set(alone)) >= 4  # so that the comparison means something


def library(folder: Path) -> list[str]:
    """Translations by transformers, as in its documentation."""
    from transformers import MarianMTModel, MarianTokenizer

    tokenizer, model = MarianTokenizer.from_pretrained(folder), MarianMTModel.from_pretrained(folder)
    tokens = [tokenizer([line], return_tensors="pt") for line in LINES]
    generated = [model.generate(**row, num_beams=2, max_new_tokens=12)[0] for row in tokens]
    return [" ".join(tokenizer.decode(row, skip_special_tokens=True).split()) for row in generated]


def test_translations_equal_those_of_transformers(chain):
    assert translation.translate(LINES, chain[:1], limits(2, 60, 12))[0] == library(chain[0].directory)


def test_bad_words_of_the_generation_config_are_excluded(fresh_model):
    from transformers import MarianTokenizer

    plain = library(fresh_model.directory)
    tokens = MarianTokenizer.from_pretrained(fresh_model.directory)(text_target=plain[0]).input_ids
    path = fresh_model.directory / "generation_config.json"
    for forbidden in ([[tokens[0]]], [[tokens[0]], [tokens[1]]], [[tokens[0]], tokens[1:3]]):
        write_json(path, read_json(path) | {"bad_words_ids": forbidden})
        expected = library(fresh_model.directory)
        assert expected != plain
        assert translation.translate(LINES, [fresh_model], limits(2, 60, 12))[0] == expected


LONG = " ".join(f"word{i}, and" for i in range(2_000))  # 4,000 words
AWKWARD = {  # text -> the pieces that the first model gets, the flag
    "": ([], "empty source"),
    " \t ": ([], "empty source"),
    "😀😀": ([], "unchanged"),
    "?! 12": ([], "unchanged"),
    "so happy 😀!": (["so happy"], ""),
    "أنا سعيد جدا. لماذا؟": (["أنا سعيد جدا.", "لماذا؟"], ""),
    "שלום עולם": (["שלום עולם"], ""),
    "- I told you": (["- I told you"], ""),
    "--help me": (["--help me"], ""),
    "a\x00b": (["a\x00b"], ""),
    "x" * 500: (["x" * 500], ""),
    LONG: ([], "cut off"),  # its pieces are checked separately
}


def test_awkward_texts_reach_the_model_get_a_flag_and_are_never_fatal(tmp_path, monkeypatch):
    steps = [("en", "fr"), ("fr", "de")]
    chain = [tiny_marian(tmp_path / f"{a}-{b}", seed, a, b, end=60) for seed, (a, b) in enumerate(steps)]
    received, real = {weights.directory: [] for weights in chain}, translation.Marian.__call__

    def spy(self, batch):
        received[Path(self.model.name_or_path)].extend(batch)
        return real(self, batch)

    monkeypatch.setattr(translation.Marian, "__call__", spy)
    names = [f"d_{i}" for i in range(len(AWKWARD))]
    limits = {"num_beams": 1, "max_source": 60, "max_output": 12, "budget": 4_000}
    problems, facts = translated(list(AWKWARD), names, tmp_path / "p.csv", weights=chain, settings=Settings(**limits))
    flags = dict(zip(AWKWARD, read_flags(tmp_path / "p.csv"), strict=True))
    assert flags == {text: flag for text, (_, flag) in AWKWARD.items()}
    assert problems == [] and facts["rows"] == len(AWKWARD)
    pieces = received[chain[0].directory]
    short = [piece for piece in pieces if "word" not in piece]
    assert sorted(short) == sorted(piece for expected, _ in AWKWARD.values() for piece in expected)
    assert sorted(" ".join(set(pieces) - set(short)).split()) == sorted(LONG.split())
    copies = dict(zip(AWKWARD, read_made(tmp_path / "p.csv"), strict=True))
    assert all(copies[text] and copies[text] != text for text, flag in flags.items() if flag in ("", "cut off"))
    assert copies["😀😀"] == "😀😀" and copies["so happy 😀!"].endswith(" 😀!") and len(copies[LONG].split()) > 100


def test_search_settings_may_come_from_the_config_of_the_model(tmp_path):
    """Repositories of opus-mt have them in config.json, from the time before generation_config.json."""
    weights = tiny_marian(tmp_path / "a", 0, "en", "fr", end=60)
    expected = translation.translate(LINES, [weights], limits(2, 60, 12))
    settings = json.loads((weights.directory / "generation_config.json").read_text())
    (weights.directory / "generation_config.json").unlink()
    model = json.loads((weights.directory / "config.json").read_text())
    own = {"bad_words_ids": [[model["pad_token_id"]]], "max_length": 512, "num_beams": 4}
    assert settings.pop("no_repeat_ngram_size") == 1 and expected[0][0]
    write_json(weights.directory / "config.json", settings | model | own | {"no_repeat_ngram_size": 1})
    assert translation.translate(LINES, [weights], limits(2, 60, 12)) == expected


def test_an_empty_result_is_flagged_and_a_problem(chain, tmp_path, monkeypatch):
    monkeypatch.setattr(translation.Marian, "__call__", lambda self, batch: [("", False)] * len(batch))
    problems, facts = _extract(chain, ["Why did you lie to me?", "", "Oh [LAUGHTER]"], tmp_path / "p.csv")
    assert read_flags(tmp_path / "p.csv") == ["empty result", "empty source", ""]
    assert [(p.utterance, p.reason, p.dropped) for p in problems] == [("d_0", "no transcript", False)]
    assert facts["translation"]["models"][0]["empty"] == 2


def _cut(text, limit=24):
    """Segments of a text, in pieces of at most `limit` characters."""
    return list(segments(text, lambda piece: len(piece) <= limit))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " a  b ",
        "Oh, no [LAUGHTER] Wait! So. ",
        "x" * 100,
        "word, " * 4_000,
        "你好。再见！好",
        "-",
        "1 2 3",
        ">>fr<< hi",
    ],
)
def test_segments_add_up_to_the_text(text):
    assert "".join(piece for piece, _ in _cut(text)) == text
    assert all(len(piece) <= 24 and piece == piece.strip() for piece, use in _cut(text) if use)


def test_only_sentences_are_translated_and_tags_digits_and_emoji_are_not():
    def translatable(text):
        return [piece for piece, use in _cut(text, 40) if use]

    assert translatable("Hi. [LAUGHTER] I met Mr. Brown! 12 ... Why?") == ["Hi.", "I met Mr. Brown!", "Why?"]
    assert translatable(">>fr<< so 😀 sad 👩\u200d👧.") == ["so", "sad"]
    assert translatable("你好。再见！") == ["你好。", "再见！"]
    assert translatable("one two three four, five six seven eight nine ten") == [
        "one two three four,",
        "five six seven eight nine ten",
    ]


def test_all_4000_words_of_a_text_reach_the_model(chain, monkeypatch):
    received = []
    real = translation.Marian.__call__

    def spy(self, batch):
        received.extend(batch)
        assert all(self.length(piece) <= 24 for piece in batch)
        return real(self, batch[:1]) * len(batch)  # for speed: the translation is irrelevant

    monkeypatch.setattr(translation.Marian, "__call__", spy)
    words = [f"w{i}" for i in range(4_000)]
    translation.translate([" ".join(words)], chain[:1], limits(1, 24, 4, budget=4_000))
    assert sorted(" ".join(received).split()) == sorted(words)


def test_a_truncated_translation_is_counted_and_flagged(chain, monkeypatch):
    short = translation.translate(LINES, chain[:1], limits(1, 60, 2))[2]["models"][0]
    assert short["cut"] > 0
    _, cut, _ = translation.translate(["12", LINES[0], f"12 {LINES[1]} 12"], chain[:1], limits(1, 60, 12))
    assert cut == [False, True, True]
    assert translation.translate([""], chain[:1], limits(1, 60, 2))[2]["models"][0] == {
        "name": "tiny-en-fr",
        "pieces": 0,
        "cut": 0,
        "empty": 0,
    }
    calls = []

    def first_only(self, batch):
        calls.append(batch)
        return [(piece, len(calls) == 1) for piece in batch]

    monkeypatch.setattr(translation.Marian, "__call__", first_only)
    assert translation.translate([LINES[0]], chain, QUICK)[1] == [True]  # although the other models cut nothing off


def test_a_killed_job_resumes_from_its_cache(chain, tmp_path, monkeypatch):
    real, calls = translation.Marian.__call__, []

    def counted(self, batch):
        calls.append(len(batch))
        if len(calls) == fatal:
            raise KeyboardInterrupt
        return real(self, batch)

    monkeypatch.setattr(translation.Marian, "__call__", counted)
    fatal = 0
    _extract(chain, LINES, tmp_path / "whole.csv")
    total, calls[:] = len(calls), []
    fatal = total - 1
    with pytest.raises(KeyboardInterrupt):
        _extract(chain, LINES, tmp_path / "p.csv", tmp_path / "cache")
    assert not (tmp_path / "p.csv").exists()
    kept = sorted((tmp_path / "cache").iterdir())
    assert len(kept) == total - 2
    kept[0].write_text("[[", encoding="utf-8")  # one is damaged, one has the wrong size: both are translated again
    kept[1].write_text(json.dumps([["x", False]] * 50), encoding="utf-8")
    calls[:], fatal = [], 0
    _extract(chain, LINES, tmp_path / "p.csv", tmp_path / "cache")
    assert len(calls) == 4
    assert (tmp_path / "p.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    calls.clear()
    _extract(chain[:1], LINES, tmp_path / "p.csv", tmp_path / "cache", precision="bf16")
    assert calls  # the cache does not apply to other options


def _without(name):
    return lambda folder: (folder / name).unlink()


def _pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _halved(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5_000])


def _lacking(folder):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["model.encoder.layers.0.fc1.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    "damage",
    [_without("model.safetensors"), _without("source.spm"), _without("config.json"), _pickled, _halved, _lacking],
)
def test_a_damaged_model_is_one_clear_error(fresh_model, damage, tmp_path):
    damage(fresh_model.directory)
    with pytest.raises(InputError, match=REMEDY) as error:
        translation.translate(["Hello there."], [record(fresh_model.directory)], QUICK)
    assert error.value.file == str(fresh_model.directory)


def test_the_error_for_a_missing_model_names_the_command_to_run(tmp_path):
    with pytest.raises(InputError, match=REMEDY):
        open_weights(tmp_path / "models" / "opus-mt-en-fr")


def test_a_chain_out_of_order_fails_before_any_work(chain):
    with pytest.raises(InputError, match="translates from 'de', but tiny-en-fr before it translates into 'fr'"):
        translation.translate(["Hello."], [chain[0], chain[2]], QUICK)
    with pytest.raises(InputError, match="option chain: it is empty"):
        translation.translate(["Hello."], [], QUICK)


@pytest.mark.parametrize(
    "options", [{"num_beams": 0}, {"max_source": 3}, {"max_output": 0}, {"budget": 0}, {"precision": "fp16"}]
)
def test_invalid_settings_are_rejected(options):
    with pytest.raises(InputError, match=f"translation: {next(iter(options))}: it is"):
        Settings(**options)


def test_more_tokens_than_the_model_has_positions_are_rejected(chain):
    with pytest.raises(InputError, match="64 positions, fewer than 65"):
        translation.translate(["Hello."], chain, limits(2, 24, 65))


def test_a_table_with_other_columns_is_rejected(tmp_path):
    (tmp_path / "p.csv").write_text("utterance,text\n")
    with pytest.raises(InputError, match="its columns are"):
        read_made(tmp_path / "p.csv")
