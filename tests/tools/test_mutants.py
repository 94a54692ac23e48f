"""The mutation-testing tool: which mutants it excludes and samples, which verdicts it keeps, and which it excuses."""

import fcntl
import json
import os
import subprocess

import _mutants
import _mutmut
import pytest
from conftest import ROOT

SETTINGS = _mutants.settings()


@pytest.fixture
def workspaces(tmp_path, monkeypatch):
    monkeypatch.setattr(_mutmut, "WORKSPACES", tmp_path)
    return tmp_path


def mutant(old: str, new: str, name: str = "m") -> _mutmut.Mutant:
    return _mutmut.Mutant(name, old, new, "")


def test_modules_and_tests_of_the_table_exist():
    assert SETTINGS["sample"] > 0 and SETTINGS["target"] == 95
    for module, tests in SETTINGS["tests"].items():
        assert (ROOT / f"emospace/{module}.py").exists(), module
        assert tests and all((ROOT / "tests" / name).exists() for name in tests), module


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace for all modules, because any workspace can list the mutants of any module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_mutmut, "WORKSPACES", tmp_path_factory.mktemp("mutants"))
        return _mutmut.prepare(*next(iter(SETTINGS["tests"].items())), keep=False)


@pytest.mark.parametrize("module", sorted({entry["module"] for entry in SETTINGS.get("survivor", [])}))
def test_what_is_excused_is_a_mutant_of_todays_code(workspace, module):
    there = {(found.old, found.new) for found in _mutmut.mutants(workspace, module)}
    entries = [entry for entry in SETTINGS["survivor"] if entry["module"] == module]
    excused = [(entry["old"], new) for entry in entries for new in entry["new"]]
    assert excused and set(excused) <= there and len(set(excused)) == len(excused)
    assert all(len(entry["why"]) > 20 for entry in entries)


def test_an_excuse_holds_for_one_mutant_of_one_module():
    known = [{"module": "store", "old": "a < b", "new": ["a <= b", "a > b"], "why": "equal"}]
    assert _mutants.explained("store", mutant("a < b", "a > b"), known) == "equal"
    assert _mutants.explained("store", mutant("a < b", "a == b"), known) == ""
    assert _mutants.explained("store", mutant("a < c", "a > b"), known) == ""
    assert _mutants.explained("folds", mutant("a < b", "a > b"), known) == ""


def test_texts_for_people_are_left_out_and_keys_are_not():
    assert mutant('raise E(path, "no such file")', 'raise E(path, "NO SUCH FILE")').prose
    assert mutant('f(f"{x} is", "not here")', 'f(f"{x} is", "XXnot hereXX")').prose
    assert not mutant('line["label"]', 'line["LABEL"]').prose
    assert not mutant('raise E(path, "no such file")', 'raise E(None, "no such file")').prose
    assert not mutant('"a" + x + "b"', '"a" - x + "b"').prose


def test_a_sample_is_seeded_and_never_prose():
    found = [mutant(f"{i}", f"{i + 1}", f"m{i}") for i in range(50)] + [mutant('"a b"', '"A B"', "prose")]
    drawn = _mutants.sample(found, 20, "1 store")
    assert len(set(drawn)) == 20
    assert drawn == _mutants.sample(found, 20, "1 store") != _mutants.sample(found, 20, "2 store")
    assert {m.name for m in _mutants.sample(found, 99, "1 store")} == {f"m{i}" for i in range(50)}


def test_verdicts_hold_for_the_code_and_tests_that_they_were_found_with(workspaces):
    folder = _mutmut.prepare("evaluation/clusters", ["evaluation/test_clusters.py"], keep=False)
    meta = folder / "mutants/emospace/evaluation/clusters.py.meta"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"exit_code_by_key": {"m": 1}}))
    assert _mutmut.prepare("evaluation/clusters", ["evaluation/test_clusters.py"], keep=False) == folder
    assert _mutmut.verdicts(folder, "evaluation/clusters") == {"m": 1}
    calls = folder / "mutants/mutmut-stats.json"
    calls.touch()
    _mutmut.prepare("evaluation/clusters", ["evaluation/test_clusters.py", "core/test_store.py"], keep=True)
    assert _mutmut.verdicts(folder, "evaluation/clusters") == {"m": 1} and not calls.exists()
    _mutmut.prepare("evaluation/clusters", ["evaluation/test_clusters.py"], keep=False)
    assert _mutmut.verdicts(folder, "evaluation/clusters") is None


def test_verdicts_on_another_text_of_the_module_are_never_kept(workspaces):
    """Mutants are identified by number, and an edit of the module renumbers them."""
    folder = _mutmut.prepare("evaluation/clusters", ["evaluation/test_clusters.py"], keep=False)
    meta = folder / "mutants/emospace/evaluation/clusters.py.meta"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"exit_code_by_key": {"m": 1}}))
    (folder / "emospace/evaluation/clusters.py").write_text("# as it was when the verdicts were found")
    (folder / "fingerprint").write_text("of then")
    _mutmut.prepare("evaluation/clusters", ["evaluation/test_clusters.py"], keep=True)
    assert _mutmut.verdicts(folder, "evaluation/clusters") is None


def test_a_kill_while_verdicts_are_written_starts_that_module_over(workspaces):
    folder = _mutmut.prepare("evaluation/clusters", ["evaluation/test_clusters.py"], keep=False)
    made = folder / "mutants/emospace/evaluation/clusters.py"
    made.parent.mkdir(parents=True)
    for torn in ('{"exit_code_by_key": {"m": ', "{}", None):  # None: killed before the first write
        made.write_text("mutated")
        made.with_name("clusters.py.meta").unlink(missing_ok=True)
        if torn is not None:
            made.with_name("clusters.py.meta").write_text(torn)
        _mutmut.prepare("evaluation/clusters", ["evaluation/test_clusters.py"], keep=False)
        assert not made.exists() and not made.with_name("clusters.py.meta").exists()


def test_only_what_is_undecided_runs(workspaces, monkeypatch):
    folder = _mutmut.prepare("evaluation/clusters", ["evaluation/test_clusters.py"], keep=False)
    meta = folder / "mutants/emospace/evaluation/clusters.py.meta"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"exit_code_by_key": {"killed": 1, "hung": -24, "survived": 0, "new": None}}))
    drawn, ran = [mutant("a", "b", name) for name in ("killed", "hung", "survived", "new", "unknown")], []

    class Done:
        returncode = 0

    monkeypatch.setattr(_mutmut.subprocess, "run", lambda command, **_: ran.append(command[4:]) or Done())
    codes = _mutmut.run(folder, "evaluation/clusters", drawn, workers=1, keep=False, held=0)
    _mutmut.run(folder, "evaluation/clusters", drawn, workers=1, keep=True, held=0)
    assert ran == [["new", "unknown"], ["survived", "new", "unknown"]]
    assert codes == {"killed": 1, "hung": -24, "survived": 0, "new": None, "unknown": None}


def test_two_runs_never_share_a_workspace_even_after_a_kill(workspaces):
    """The descriptor that mutmut inherits keeps the lock after the run that started it has ended."""
    held = _mutmut.lock()
    mutmut = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[held])
    os.close(held)
    with open(workspaces / "lock") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mutmut.communicate()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.slow
def test_mutants_of_a_module_are_killed_by_its_tests_and_by_no_others(workspaces, monkeypatch, capsys):
    """Run mutmut on two mutants, once with the tests of their module and once with another module's tests."""
    settings = SETTINGS | {"tests": {"protocols/fold_tables": ["runs/test_folds.py"]}}
    monkeypatch.setattr(_mutants, "settings", lambda: settings)
    monkeypatch.setattr("sys.argv", ["mutants", "--sample", "2", "--workers", "1"])
    assert _mutants.main() == 0
    assert "100.0%" in capsys.readouterr().out
    settings["tests"] = {"protocols/fold_tables": ["protocols/test_splits.py"]}
    assert _mutants.main() == 1
    assert " 0.0%" in capsys.readouterr().out
    assert "-" in (workspaces / "survivors.diff").read_text()
