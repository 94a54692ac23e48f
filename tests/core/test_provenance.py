"""Files are written whole or not at all, reach the disk before their names, and are described by digests."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emospace.core import provenance
from emospace.core.errors import InputError
from emospace.core.provenance import atomic, read_json, sync_tree, write_json

# Atomic writes -------------------------------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch) -> list[tuple]:
    """Calls of ("fsync", path) and ("replace", path), in order."""
    recorded, fsync, replace = [], os.fsync, os.replace

    def synced(handle):
        recorded.append(("fsync", Path(os.readlink(f"/proc/self/fd/{handle}"))))
        fsync(handle)

    def replaced(source, target):
        recorded.append(("replace", Path(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    return recorded


def test_content_is_synced_before_its_name_and_the_name_before_return(tmp_path, calls):
    with atomic(tmp_path / "a.txt") as tmp:
        tmp.write_text("a")
        assert calls == []
    assert calls == [("fsync", tmp), ("replace", tmp_path / "a.txt"), ("fsync", tmp_path)]


def test_a_folder_is_synced_completely(tmp_path, calls):
    (tmp_path / "b/c").mkdir(parents=True)
    for name in ("a", "b/a", "b/c/a"):
        (tmp_path / name).touch()
    sync_tree(tmp_path)
    assert {path for _, path in calls} == {tmp_path, *tmp_path.rglob("*")}


@pytest.mark.parametrize("number", provenance.NO_SYNC)
def test_a_file_system_without_sync_is_accepted(tmp_path, monkeypatch, number):
    def fsync(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic(tmp_path / "a.txt") as tmp:
        tmp.write_text("a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_content_that_cannot_be_synced_gets_no_name(tmp_path, monkeypatch, number):
    def fsync(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=os.strerror(number)), atomic(tmp_path / "a.txt") as tmp:
        tmp.write_text("a")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_earlier_content(tmp_path):
    (path := tmp_path / "new folder/a.txt").parent.mkdir()
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), atomic(path) as tmp:
        tmp.write_text("half")
        1 / 0
    assert path.read_text() == "before" and list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path):
    path = tmp_path / "a[1].npy"
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead, alive = (tmp_path / f".a[1].{pid}.tmp.npy" for pid in (ended.pid, os.getppid()))
    other = tmp_path / f".a.{ended.pid}.tmp.npy"
    for left in (dead, alive, other, dead.with_suffix(".raw")):
        left.touch()
    with atomic(path) as tmp:
        tmp.touch()
    assert {p.name for p in tmp_path.iterdir()} == {path.name, alive.name, other.name}


def test_a_write_costs_as_much_in_a_full_folder_as_in_an_empty_one(tmp_path):
    """Translation caches thousands of batches as files; listing them at each write would take minutes."""
    full, empty = tmp_path / "full", tmp_path / "empty"
    full.mkdir()
    for i in range(5_000):
        (full / f"{i}.json").touch()

    def cost(folder: Path) -> float:
        start = time.process_time()
        for i in range(100):
            write_json(folder / f"new{i}.json", i)
        return time.process_time() - start

    write_json(full / "first.json", 0)  # the first write in a folder looks for files of dead writers
    assert cost(full) < 3 * cost(empty) + 0.05


# Content and names ---------------------------------------------------------------------------------------------------


def test_files_of_digests_are_those_of_sha256sum(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["a.wav", "two  blanks/b.wav"]
    for name in names:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
    digests = {name: provenance.sha256(Path(name)) for name in names}
    provenance.write_digests(Path("all.sha256"), digests.items())
    assert provenance.read_digests([Path("all.sha256")]) == digests
    assert Path("all.sha256").read_text() == subprocess.check_output(["sha256sum", *names], text=True)


def test_json_is_canonical_and_unreadable_json_is_an_error_that_a_user_can_fix(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "a": "é",\n "b": 1\n}\n'
    with pytest.raises(InputError, match=r"no.json: no such file. run the workflow step"):
        read_json(tmp_path / "no.json")
    (tmp_path / "a.json").write_text("{half")
    with pytest.raises(InputError, match=r"a.json: not valid JSON"):
        read_json(tmp_path / "a.json")


def test_a_file_named_by_its_content_is_written_once_and_repaired(tmp_path):
    path = provenance.write_once(tmp_path, "plan", "content")
    assert path.stem == f"plan-{provenance.name_of('content')}"
    inode = path.stat().st_ino
    assert provenance.write_once(tmp_path, "plan", "content") == path and path.stat().st_ino == inode
    path.write_text("damaged")
    assert provenance.write_once(tmp_path, "plan", "content").read_text() == "content"
    assert provenance.write_once(tmp_path, "plan", "other") != path


def test_the_code_of_a_recipe_must_be_the_code_on_disk(tmp_path):
    (tmp_path / "a.py").write_text("X = 1\n")
    recipe = {"code": provenance.code_digests([tmp_path / "a.py"], tmp_path)}
    path = provenance.write_once(tmp_path, "train", provenance.canonical(recipe))
    assert [*recipe["code"]] == ["a.py"] and provenance.read_recipe(path, tmp_path) == recipe
    (tmp_path / "a.py").write_text("X = 1  # a comment\n")
    assert provenance.read_recipe(path, tmp_path) == recipe
    (tmp_path / "a.py").write_text("X = 2\n")
    with pytest.raises(InputError, match=r"a.py: the file changed while the workflow was running"):
        provenance.read_recipe(path, tmp_path)
    path.write_text(provenance.canonical({"code": {}}))
    with pytest.raises(InputError, match="the recipe is not the one that was planned"):
        provenance.read_recipe(path, tmp_path)


def test_a_sidecar_holds_digests_versions_and_facts_and_no_folder(tmp_path):
    (tmp_path / "in.csv").write_text("a")
    (tmp_path / "out.npy").write_text("b")
    where = {"inputs": [tmp_path / "in.csv"], "outputs": [tmp_path / "out.npy"]}
    provenance.write_sidecar(tmp_path / "out.json", {"seed": 1}, **where, packages=["pytest", "absent"], rows=3)
    sidecar = read_json(tmp_path / "out.json")
    assert sidecar["recipe"] == {"seed": 1} and sidecar["rows"] == 3
    assert sidecar["inputs"] == {str(tmp_path / "in.csv"): provenance.sha256(tmp_path / "in.csv")}
    assert sidecar["outputs"] == {"out.npy": provenance.sha256(tmp_path / "out.npy")}
    assert sidecar["versions"] == {"python": sys.version.split()[0], "pytest": pytest.__version__}
