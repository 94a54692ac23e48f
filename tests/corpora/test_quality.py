"""The quality table is complete and sorted, and on_problem: stop ends a run with messages that a user can act on.

Covers: core/problems.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import utterance

from emospace.core import manifest, provenance
from emospace.core.manifest import Problem
from emospace.views import text


def problem(name: str, reason: str = "silent", dropped: bool = False) -> Problem:
    return Problem(name, f"{name}.wav", reason, "-inf dBFS", "listen to it", dropped)


def check(
    folder: Path, tables: list[list[Problem]], facts: dict | None = None, **options
) -> subprocess.CompletedProcess:
    provenance.write_json(folder / "recipe.json", {"options": options})
    files = [folder / f"table {i}.csv" for i in range(len(tables))]
    for file, problems in zip(files, tables, strict=True):
        manifest.write_problems(file, problems)
    command = [sys.executable, "-m", "workflow_scripts.check_quality", "--recipe", str(folder / "recipe.json")]
    command += ["--out", str(folder / "all.csv"), "--quality", *map(str, files)]
    if facts:
        provenance.write_json(folder / "facts.json", facts)
        command += ["--manifest", str(folder / "facts.json")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_tables_are_merged_sorted_and_without_duplicates(tmp_path):
    repeated = problem("b")
    done = check(tmp_path, [[problem("c", dropped=True), repeated], [], [problem("a"), repeated]], on_problem="warn")
    assert done.returncode == 0
    assert manifest.read_problems(tmp_path / "all.csv") == [problem("a"), repeated, problem("c", dropped=True)]
    assert "3 x silent" in done.stderr


@pytest.mark.parametrize("count", [1, 20, 23])
def test_stop_lists_the_problems_and_how_to_continue(tmp_path, count):
    done = check(tmp_path, [[problem(f"u{i:02d}") for i in range(count)]], on_problem="stop")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "u00 u00.wav: silent (-inf dBFS); listen to it" in done.stderr
    assert done.stderr.count("listen to it") == min(count, 20)
    assert ("and 3 more" in done.stderr) == (count == 23)
    assert "on_problem: warn" in done.stderr
    assert len(manifest.read_problems(tmp_path / "all.csv")) == count


def test_stop_accepts_a_corpus_without_problems(tmp_path):
    assert check(tmp_path, [[], []], on_problem="stop").returncode == 0
    assert manifest.read_problems(tmp_path / "all.csv") == []


def without_transcripts(folder: Path, count: int) -> list[Problem]:
    """Problems that the text view reports for a part without transcripts."""
    rows = [utterance(f"u_{i}", text="") for i in range(count)]
    return text.extract(rows, folder, folder / "text.csv")[0]


@pytest.mark.parametrize("on_problem", ["warn", "stop"])
def test_a_corpus_without_transcripts_gives_one_line_and_never_stops(tmp_path, on_problem):
    facts = {"rows": 4, "missing": {"text": 4}}
    done = check(tmp_path, [without_transcripts(tmp_path, 4)], facts, on_problem=on_problem)
    assert done.returncode == 0, done.stderr
    (line,) = manifest.read_problems(tmp_path / "all.csv")
    assert (line.utterance, line.reason) == ("", "no transcript") and "none of the 4 rows" in line.detail


def test_if_one_row_has_a_transcript_the_others_are_problems(tmp_path):
    other = problem("x")
    done = check(
        tmp_path, [without_transcripts(tmp_path, 3), [other]], {"rows": 4, "missing": {"text": 3}}, on_problem="stop"
    )
    assert done.returncode == 1
    assert len(manifest.read_problems(tmp_path / "all.csv")) == 4


def test_other_problems_of_a_corpus_without_transcripts_are_kept_and_stop_it(tmp_path):
    done = check(
        tmp_path,
        [without_transcripts(tmp_path, 3), [problem("x")]],
        {"rows": 3, "missing": {"text": 3}},
        on_problem="stop",
    )
    assert done.returncode == 1 and "1 problems" in done.stderr
    assert len(manifest.read_problems(tmp_path / "all.csv")) == 2
