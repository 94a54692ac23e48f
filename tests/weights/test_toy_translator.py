"""Toy translators memorise their pairs, are reproducible to the byte, and are never taken for published models."""

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
    """List the pieces of a text that reach a translator."""
    return [piece for piece, use in segments(text, lambda piece: True) if use]


def spoken() -> list[str]:
    """List all lines of the demo corpus."""
    lines = [line for lines in screenplay.LINES.values() for line in lines]
    return [*lines, *screenplay.ANY, screenplay.LATIN, screenplay.SHORT, *(text for _, text in screenplay.SCRIPT)]


def written(folder: Path, content: str | bytes = FEW) -> Path:
    path = folder / "few.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def trained(folder: Path, source: Path, **environment: str) -> Path:
    """Run fetch_weights as the workflow does; return the folder of the weights."""
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
    """A translator of three sentences, trained without network access."""
    return trained(few.parent, few, HF_ENDPOINT="http://127.0.0.1:9", PIP_INDEX_URL="http://127.0.0.1:9")


def test_the_shipped_pairs_cover_exactly_the_lines_of_the_demo():
    tables = [dict(toy_translator.read(path)[1]) for path in CHAIN]
    assert [toy_translator.read(path)[0] for path in CHAIN] == [["en", "fr"], ["fr", "de"], ["de", "en"]]
    assert set(tables[0]) == {piece for text in spoken() for piece in pieces(text)}
    for table, after in pairwise(tables):
        assert set(table.values()) == set(after)
    assert all(pieces(text) == [text] for table in tables for text in table.values())  # none is split on the way


def test_back_translation_changes_most_lines_of_the_demo_and_keeps_some():
    first, second, third = (dict(toy_translator.read(path)[1]) for path in CHAIN)
    same = [text for text in first if third[second[first[text]]] == text]
    assert 5 <= len(same) <= len(first) / 5


def test_the_record_describes_the_weights_as_a_toy(few, toy):
    weights = open_weights(toy)
    assert not weights.random and weights.kind == "pairs"
    assert weights.source == f"trained on the 3 sentence pairs of {few}: a toy, not a published model"
    assert weights.facts()["source"] == weights.source and weights.revision == sha256(few)
    assert {"config.json", "model.safetensors", "source.spm", "target.spm", "vocab.json"} <= weights.files.keys()


def test_the_pairs_are_memorised_around_tags_and_in_any_order(few, toy):
    pairs = toy_translator.read(few)[1]
    originals, expected = map(list, zip(*pairs, strict=True))
    originals.append(" [RISATA] ".join(reversed(originals)))
    translated, _, facts = translate(originals, [open_weights(toy)])
    assert translated == [*expected, " [RISATA] ".join(reversed(expected))]
    assert facts["models"] == [{"name": NAME, "pieces": 3, "cut": 0, "empty": 0}]


def test_equal_pairs_give_equal_bytes_in_any_process_with_any_number_of_threads(few, toy, tmp_path):
    again = trained(tmp_path, few, OMP_NUM_THREADS="2", PYTHONHASHSEED="7")
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


def test_pairs_that_are_not_memorised_in_time_are_refused(few, tmp_path, monkeypatch):
    monkeypatch.setattr(toy_translator, "EPOCHS", 2)
    with pytest.raises(InputError, match="did not memorise its 3 pairs in 2 epochs"):
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
        ("en,fr\nYes.,Oui.\nYes.,Si.\n", "line 3 has a second translation of 'Yes.'"),
        ("en,fr\nYes.,Oui é.\n".encode("latin-1"), "not UTF-8"),
    ],
)
def test_an_invalid_table_of_pairs_is_refused_with_its_line(tmp_path, content, reason):
    with pytest.raises(InputError, match=reason):
        toy_translator.read(written(tmp_path, content))


def test_a_repeated_pair_counts_once(tmp_path):
    assert toy_translator.read(written(tmp_path, "en,fr\nYes.,Oui.\nYes.,Oui.\n"))[1] == [("Yes.", "Oui.")]


@pytest.fixture
def config(tmp_path, monkeypatch) -> dict:
    """The ablation on the demo, in a folder with its own copy of the pairs."""
    monkeypatch.chdir(tmp_path)
    Path("configs/pairs").mkdir(parents=True)
    for path in CHAIN:
        Path("configs/pairs", path.name).write_bytes(path.read_bytes())
    return shipped("configs/ablation_demo.yaml")


def test_an_edited_pair_changes_only_the_recipe_of_its_translator(config):
    before = {key: path.read_text() for key, path in Plan(config).recipes.items()}
    table = Path("configs/pairs/fr_de.csv")
    table.write_text(table.read_text().replace("Nein!", "Niemals!"))
    after = {key: path.read_text() for key, path in Plan(config).recipes.items()}
    assert {key for key in before if before[key] != after[key]} == {("fetch_weights", "toy_fr_de")}


def test_missing_pairs_stop_the_plan(config):
    Path("configs/pairs/de_en.csv").unlink()
    with pytest.raises(InputError, match=r"configs/pairs/de_en\.csv: there is no such file"):
        Plan(config)


def test_a_toy_must_be_named_as_such(config):
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
def test_progress_is_shown_only_on_a_terminal(few, tmp_path, monkeypatch, terminal):
    screen = io.StringIO()
    screen.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", screen)
    toy_translator.train(tmp_path, pairs=str(few))
    assert ("train on pairs:" in screen.getvalue() and "epoch/s, loss=0." in screen.getvalue()) == terminal


@pytest.mark.slow
def test_the_chain_of_the_ablation_reproduces_its_pairs(tmp_path):
    texts, chain = spoken(), []
    for path in CHAIN:
        folder = tmp_path / path.stem
        folder.mkdir()
        chain.append(open_weights(trained(folder, path)))
    tables = [dict(toy_translator.read(path)[1]) for path in CHAIN]
    expected = [" ".join(tables[2][tables[1][tables[0][piece]]] for piece in pieces(text)) for text in texts]
    translated, *_ = translate(texts, chain)
    right = [actual == text for actual, text in zip(translated, expected, strict=True)]
    assert sum(right) >= 0.95 * len(right)
