"""Tables: any content survives a round trip, unreadable files are reported, and each format has one module.

Covers: evaluation/summary_table.
"""

import ast

import pytest
from conftest import ROOT, utterance

from emospace.core import manifest, records, texts
from emospace.core.errors import InputError
from emospace.core.manifest import Problem
from emospace.evaluation import summary_table
from emospace.runs import run_files

HOSTILE = ["x" * 131_073, "a\rb", "a\r\nb", "a\nb", 'a"b', '"', ",", "\0", "é\u2028\x85", "", " ", "=1+1"]


def test_any_cell_survives_a_round_trip(tmp_path):
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


def test_a_file_name_outside_utf_8_can_be_reported(tmp_path):
    manifest.write_problems(tmp_path / "q.csv", [Problem("", "caf\udce9.wav", "unreadable", "d", "r")])
    assert manifest.read_problems(tmp_path / "q.csv")[0].file == "caf\\udce9.wav"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"utterance,text\na,b\rc\n", "more or fewer cells"),
        (b"utterance,text\na,\xff\n", "not UTF-8"),
        (b"utterance,text\na\n", "more or fewer cells"),
        (b"utterance,text\na,b,c\n", "more or fewer cells"),
        (b"text,utterance\n", "its columns are"),
        (b"", "its columns are"),
    ],
)
def test_an_invalid_table_is_reported_with_its_file(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.csv: .*{message}"):
        texts.read(tmp_path / "t.csv")


def test_an_oversized_cell_is_reported_with_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "LARGEST", 1000)
    (tmp_path / "t.csv").write_text("utterance,text\na," + "x" * 1001)
    with pytest.raises(InputError, match=r"t\.csv: after line \d: field larger than field limit"):
        texts.read(tmp_path / "t.csv")


# One module per format ------------------------------------------------------------------------------------------------

# These read tables of users, plug-ins and corpora, with columns of their own.
FOREIGN = {"emospace/features/encoders/_vectors.py", "emospace/report/sections/analyses.py"}
FOREIGN |= {"emospace/corpora/_csv.py", "emospace/corpora/_repaired.py", "emospace/corpora/cremad.py"}
STORED = dict.fromkeys((run_files.MODEL_FILES[1], *run_files.OUTPUT_FILES), "emospace/runs/run_files.py")


def modules() -> dict[str, ast.Module]:
    files = [*ROOT.glob("emospace/**/*.py"), *ROOT.glob("workflow_scripts/*.py")]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def imported(tree: ast.Module) -> set[str]:
    return {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}


def test_one_module_reads_and_writes_the_project_tables():
    assert {file for file, tree in modules().items() if "csv" in imported(tree)} == {
        "emospace/core/records.py",
        *FOREIGN,
    }


def test_one_module_names_the_files_that_a_training_stores():
    uses = {
        (node.value, file)
        for file, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in STORED
    }
    assert uses == set(STORED.items())


def test_a_summary_is_read_with_its_types(tmp_path):
    row = {"run": "a", "leaky": True, "n": 3, "UA": 0.25, "UA_lo": "", "leaks": "a b", "UA_gain_p_at_most": False}
    summary_table.write(tmp_path / "s.csv", [row])
    assert summary_table.read(tmp_path / "s.csv") == [row | {"UA_lo": None}]


def test_a_history_with_text_in_place_of_a_number_is_reported(tmp_path):
    records.write(tmp_path / "history.csv", ["epoch", "loss"], [{"epoch": 1, "loss": "nan"}])
    assert run_files.read_history(tmp_path)[0].keys() == {"epoch", "loss"}
    records.write(tmp_path / "history.csv", ["epoch", "loss"], [{"epoch": 1, "loss": "low"}])
    with pytest.raises(InputError, match=r"history\.csv: it holds what is no number.*low"):
        run_files.read_history(tmp_path)
