"""Toy translators: really trained on sentence pairs, the same bytes each time, never taken for published models."""

import io
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import ROOT, shipped

from emospace.core.errors import InputError
from emospace.core.provenance import sha256
from emospace.corpora.demo import screenplay
from emospace.plan.plan import Plan
from emospace.speech.sentences import segments
from emospace.speech.translation import translate
from emospace.weights import toy_translator
from emospace.weights.fetch import check_entry
from emospace.weights.record import open_weights

CHAIN = [ROOT / f"configs/pairs/{name}.csv" for name in ("en_fr", "fr_de", "de_en")]
FEW = 'it,es\nSto bene.,Estoy bien.\n"Non lo so, davvero!",No lo sé de verdad.\nDove vai?,¿Adónde vas?\n'
NAME = "toy_it_es"


def pieces(text: str) -> list[str]:
    """What of a text reaches a translator."""
    return [piece for piece, use in segments(text, lambda piece: True) if use]


def spoken() -> list[str]:
    """Everything that the actors of the demo may say."""
    lines = [line for lines in screenplay.LINES.values() for line in lines]
    return [*lines, *screenplay.ANY, screenplay.LATIN, screenplay.SHORT, *(text for _, text in screenplay.SCRIPT)]


def written(folder: Path, content: str | bytes = FEW) -> Path:
    path = folder / "few.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def made(folder: Path, source: Path, **environment: str) -> Path:
    """Run the step as the workflow does, and find the folder of the weights."""
    options = toy_translator.pinned({"source": "pairs", "pairs": str(source), "licence": "CC0-1.0"})
    (folder / "recipe.json").write_text(json.dumps({"name": NAME, "options": options}))
    out = folder / "weights" / NAME / "weights.json"
    command = [sys.executable, "-m", "workflow_scripts.fetch_weights", "--recipe", folder / "recipe.json", "--out", out]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return out.parent


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("pairs it's"))


@pytest.fixture(scope="module")
def toy(few) -> Path:
    """A translator of three sentences; without a network, which it does not need."""
    return made(few.parent, few, HF_ENDPOINT="http://127.0.0.1:9", PIP_INDEX_URL="http://127.0.0.1:9")


def test_the_shipped_pairs_are_all_that_the_demo_sends_along_the_chain():
    tables = [dict(toy_translator.read(path)[1]) for path in CHAIN]
    assert [toy_translator.read(path)[0] for path in CHAIN] == [["en", "fr"], ["fr", "de"], ["de", "en"]]
    assert set(tables[0]) == {piece for text in spoken() for piece in pieces(text)}
    for table, after in pairwise(tables):
        assert set(table.values()) == set(after)
    assert all(pieces(text) == [text] for table in tables for text in table.values())  # none is cut in two on the way


def test_most_lines_of_the_demo_come_back_in_other_words_and_some_unchanged():
    first, second, third = (dict(toy_translator.read(path)[1]) for path in CHAIN)
    same = [text for text in first if third[second[first[text]]] == text]
    assert 5 <= len(same) <= len(first) / 5


def test_what_is_trained_says_that_it_is_a_toy_and_of_what(few, toy):
    weights = open_weights(toy)
    assert not weights.random and weights.kind == "pairs"
    assert weights.source == f"trained on the 3 sentence pairs of {few}: a toy, not a published model"
    assert weights.facts()["source"] == weights.source and weights.revision == sha256(few)
    assert {"config.json", "model.safetensors", "source.spm", "target.spm", "vocab.json"} <= weights.files.keys()


def test_what_is_trained_knows_its_pairs_by_heart_around_tags_and_in_any_order(few, toy):
    known = toy_translator.read(few)[1]
    said, expected = map(list, zip(*known, strict=True))
    said.append(" [RISATA] ".join(reversed(said)))
    translated, _, facts = translate(said, [open_weights(toy)])
    assert translated == [*expected, " [RISATA] ".join(reversed(expected))]
    assert facts["models"] == [{"name": NAME, "pieces": 3, "cut": 0, "empty": 0}]


def test_equal_pairs_give_equal_bytes_whatever_the_process_and_its_threads(few, toy, tmp_path):
    again = made(tmp_path, few, OMP_NUM_THREADS="2", PYTHONHASHSEED="7")
    names = [path.name for path in sorted(toy.iterdir()) if path.name != "weights.json"]
    assert names == [path.name for path in sorted(again.iterdir()) if path.name != "weights.json"]
    for name in names:
        content = (toy / name).read_bytes()
        assert content == (again / name).read_bytes(), name
        assert str(toy.parent).encode() not in content and str(few.parent).encode() not in content
    assert (
        json.loads((toy / "weights.json").read_text())["files"]
        == json.loads((again / "weights.json").read_text())["files"]
    )


def test_pairs_that_are_not_learnt_in_time_are_refused(few, tmp_path, monkeypatch):
    monkeypatch.setattr(toy_translator, "ROUNDS", 2)
    with pytest.raises(InputError, match="3 pairs were not learnt in 2 rounds"):
        toy_translator.train(tmp_path, pairs=str(few))
    assert not (tmp_path / "model.safetensors").exists()


def test_pairs_that_change_after_planning_are_refused(tmp_path):
    path = written(tmp_path)
    planned = toy_translator.pinned({"source": "pairs", "pairs": str(path)})["sha256"]
    written(tmp_path, FEW.replace("bien", "mal"))
    with pytest.raises(InputError, match="changed while the workflow was running"):
        toy_translator.train(tmp_path, pairs=str(path), sha256=planned)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "holds no pairs"),
        ("en,fr\n", "holds no pairs"),
        ("en,fr,de\na,b,c\n", "columns"),
        ("en,fr\nYes, I do.,Oui.\n", "line 2 is not a pair"),
        ("en,fr\nYes.,Oui.\nNo.\n", "line 3 is not a pair"),
        ("en,fr\nYes.,  \n", "line 2 is not a pair"),
        ("en,fr\nYes.,Oui.\nYes.,Si.\n", "line 3 translates 'Yes.' a second time"),
        ("en,fr\nYes.,Oui é.\n".encode("latin-1"), "not UTF-8"),
    ],
)
def test_a_table_that_holds_no_pairs_is_refused_with_its_line(tmp_path, content, reason):
    with pytest.raises(InputError, match=reason):
        toy_translator.read(written(tmp_path, content))


def test_a_pair_that_is_there_twice_counts_once(tmp_path):
    assert toy_translator.read(written(tmp_path, "en,fr\nYes.,Oui.\nYes.,Oui.\n"))[1] == [("Yes.", "Oui.")]


@pytest.fixture
def config(tmp_path, monkeypatch) -> dict:
    """The ablation on the demo, planned in a folder with its own copy of the pairs."""
    monkeypatch.chdir(tmp_path)
    Path("configs/pairs").mkdir(parents=True)
    for path in CHAIN:
        Path("configs/pairs", path.name).write_bytes(path.read_bytes())
    return shipped("configs/ablation_demo.yaml")


def test_an_edited_pair_changes_the_recipe_of_its_translator_alone(config):
    before = {key: path.read_text() for key, path in Plan(config).recipes.items()}
    table = Path("configs/pairs/fr_de.csv")
    table.write_text(table.read_text().replace("Nein!", "Niemals!"))
    after = {key: path.read_text() for key, path in Plan(config).recipes.items()}
    assert {key for key in before if before[key] != after[key]} == {("fetch_weights", "toy_fr_de")}


def test_pairs_that_are_not_there_stop_the_plan(config):
    Path("configs/pairs/de_en.csv").unlink()
    with pytest.raises(InputError, match=r"configs/pairs/de_en\.csv: there is no such file"):
        Plan(config)


def test_a_toy_must_not_carry_another_name(config):
    entry = config["weights"].pop("toy_en_fr")
    config["weights"]["opus_en_fr"] = entry
    config["views"]["text_bt"]["chain"][0] = "opus_en_fr"
    with pytest.raises(InputError, match=r"weights: opus_en_fr.*its name does not say so.*toy_opus_en_fr"):
        Plan(config)


def test_misspelt_options_are_refused():
    with pytest.raises(InputError, match="unexpected option 'pair'"):
        check_entry({"source": "pairs", "pair": "x.csv"}, "config: weights: toy")
    with pytest.raises(InputError, match="the source 'pairs' needs the option 'pairs'"):
        check_entry({"source": "pairs"}, "config: weights: toy")


@pytest.mark.parametrize("terminal", [True, False])
def test_how_far_it_is_can_be_seen_on_a_terminal(few, tmp_path, monkeypatch, terminal):
    screen = io.StringIO()
    screen.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", screen)
    toy_translator.train(tmp_path, pairs=str(few))
    assert ("learn pairs:" in screen.getvalue() and "round/s, loss=0." in screen.getvalue()) == terminal


@pytest.mark.slow
def test_the_chain_of_the_ablation_says_what_its_pairs_say(tmp_path):
    texts, chain = spoken(), []
    for path in CHAIN:
        folder = tmp_path / path.stem
        folder.mkdir()
        chain.append(open_weights(made(folder, path)))
    tables = [dict(toy_translator.read(path)[1]) for path in CHAIN]
    expected = [" ".join(tables[2][tables[1][tables[0][piece]]] for piece in pieces(text)) for text in texts]
    translated, *_ = translate(texts, chain)
    right = [got == wanted for got, wanted in zip(translated, expected, strict=True)]
    assert sum(right) >= 0.95 * len(right)
