"""Tables: whatever is written can be read again, and what cannot be read is named."""

import pytest
from conftest import utterance

from emospace import manifest, records, texts
from emospace.errors import InputError
from emospace.manifest import Problem

HOSTILE = ["x" * 131_073, "a\rb", "a\r\nb", "a\nb", 'a"b', '"', ",", "\0", "é\u2028\x85", "", " ", "=1+1"]


def test_any_cell_is_read_as_it_was_written(tmp_path):
    lines = [{"one": cell, "two": other} for cell in HOSTILE for other in HOSTILE[1:]]
    records.write(tmp_path / "t.csv", ["one", "two"], lines)
    assert records.read(tmp_path / "t.csv") == lines


def test_manifests_problems_and_texts_hold_any_cell(tmp_path):
    rows = [utterance(f"a_{i:02d}", text=cell, audio=f"{cell[:9]}.wav") for i, cell in enumerate(HOSTILE)]
    manifest.write(tmp_path / "m.csv", rows)
    assert manifest.read(tmp_path / "m.csv") == rows
    problems = [Problem(f"u{i:02d}", cell, "silent", cell, "r") for i, cell in enumerate(HOSTILE)]
    manifest.write_problems(tmp_path / "q.csv", problems)
    assert manifest.read_problems(tmp_path / "q.csv") == problems
    texts.write(tmp_path / "t.csv", [r.utterance for r in rows], HOSTILE)
    assert texts.read(tmp_path / "t.csv") == HOSTILE


def test_a_name_that_is_not_utf_8_can_be_reported(tmp_path):
    manifest.write_problems(tmp_path / "q.csv", [Problem("", "caf\udce9.wav", "unreadable", "d", "r")])
    assert manifest.read_problems(tmp_path / "q.csv")[0].file == "caf\\udce9.wav"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"utterance,text\na,b\rc\n", "more or fewer cells"),
        (b"utterance,text\na,\xff\n", "not UTF-8"),
        (b"utterance,text\na\n", "more or fewer cells"),
        (b"utterance,text\na,b,c\n", "more or fewer cells"),
        (b"text,utterance\n", "its columns are"),
        (b"", "its columns are"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, content, word):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.csv: .*{word}"):
        texts.read(tmp_path / "t.csv")


def test_a_cell_beyond_all_bounds_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "LARGEST", 1000)
    (tmp_path / "t.csv").write_text("utterance,text\na," + "x" * 1001)
    with pytest.raises(InputError, match=r"t\.csv: after line \d: field larger than field limit"):
        texts.read(tmp_path / "t.csv")
