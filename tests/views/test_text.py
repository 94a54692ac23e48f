"""The text view normalises transcripts and keeps their tags and order."""

import subprocess
import sys

import pytest
from conftest import utterance

from emospace.core import manifest, provenance, texts
from emospace.core.errors import InputError
from emospace.views import text


def test_texts_are_normalised_in_order_and_missing_ones_reported(tmp_path):
    raw = ["  Oh,\tno\u00a0 \u2003[LAUGHTER]\r\nWait! ", "cafe\u0301", "", 'He said: "a, b"', " \u2009 ", "日本"]
    rows = [utterance(f"d_{9 - i}", text=words) for i, words in enumerate(raw)]
    problems, facts = text.extract(rows, tmp_path, tmp_path / "p.csv")
    assert texts.read(tmp_path / "p.csv") == ["Oh, no [LAUGHTER] Wait!", "caf\u00e9", "", 'He said: "a, b"', "", "日本"]
    assert [(p.utterance, p.reason) for p in problems] == [("d_7", "no transcript"), ("d_5", "no transcript")]
    assert facts == {"rows": 6, "missing": 2, "words": 10}
    lines = (tmp_path / "p.csv").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["utterance,text", 'd_9,"Oh, no [LAUGHTER] Wait!"']


def test_a_table_with_other_columns_is_rejected(tmp_path):
    (tmp_path / "p.csv").write_text("utterance,words\n")
    with pytest.raises(InputError, match="its columns are"):
        texts.read(tmp_path / "p.csv")


def test_the_script_writes_the_view_its_sidecar_and_its_problems(tmp_path):
    manifest.write(tmp_path / "m.csv", [utterance("d_1"), utterance("d_2", text="")])
    provenance.write_json(tmp_path / "recipe.json", {"plugin": "text", "options": {}})
    names = {"recipe": "recipe.json", "log": "log.txt", "manifest": "m.csv", "out": "p.csv", "corpus-root": "."}
    names |= {"quality": "p.quality.csv", "sidecar": "p.json"}
    paths = [word for name, file in names.items() for word in (f"--{name}", str(tmp_path / file))]
    subprocess.run([sys.executable, "-m", "workflow_scripts.extract_view", *paths], check=True)
    assert texts.read(tmp_path / "p.csv") == ["some words", ""]
    assert [p.utterance for p in manifest.read_problems(tmp_path / "p.quality.csv")] == ["d_2"]
    assert provenance.read_json(tmp_path / "p.json")["missing"] == 1
