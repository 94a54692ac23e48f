"""Changed raw files are noticed by content, and only in their part; where they lie, and for how long, is no change."""

import errno
import inspect
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT, shipped

from emospace.core import files_below
from emospace.core.disk import told
from emospace.core.files_below import walk
from emospace.core.provenance import read_json, sha256, write_sidecar
from emospace.corpora import ravdess
from emospace.plan.plan import Plan
from emospace.plan.raw_files import HASH_AT_SIGHT, ODD, by_part, changed, fingerprint, look, trigger
from workflow_scripts.index_part import listing, unreadable

PARTS = ["0", "1"]


def group(path: str) -> int | None:
    return int(path[1]) if path.startswith("d") else None


class Corpus:
    """Two parts: a small text and a large medium in each."""

    def __init__(self, folder: Path):
        self.root, self.state, self.published, self.made = folder / "it's raw", folder / "state", {}, {}
        self.triggers: dict[str, Path] = {}
        for part in PARTS:
            (self.root / f"d{part}").mkdir(parents=True)
            (self.root / f"d{part}/words.txt").write_text("one")
            (self.root / f"d{part}/sound.wav").write_bytes(b"x" * (HASH_AT_SIGHT + 1))
        (self.root / "readme").write_text("not part of any group")
        self.changed()

    def changed(self) -> list[str]:
        """Parts that this look at the raw files gives another trigger file."""
        old = self.triggers
        now = look(str(self.root), self.state, group, self.published, self.made)
        triggers = by_part(now, PARTS, group, self.made)
        self.triggers = {part: trigger(self.state, part, content) for part, _, content in triggers}
        return [part for part in PARTS if self.triggers[part] != old.get(part)]


def write(path: Path, content: bytes) -> None:
    """Write and make sure that the time stamp moves."""
    old = path.stat().st_mtime_ns if path.exists() else 0
    path.write_bytes(content)
    os.utime(path, ns=(old + 10**9, old + 10**9))


def test_nothing_changed(tmp_path):
    assert Corpus(tmp_path).changed() == []


def test_touching_everything_changes_nothing_once_indexed(tmp_path):
    corpus = Corpus(tmp_path)
    corpus.published = {f"d{p}/sound.wav": sha256(corpus.root / f"d{p}/sound.wav") for p in PARTS}
    for path in corpus.root.rglob("d*/*"):
        write(path, path.read_bytes())
    assert corpus.changed() == []
    assert corpus.changed() == []


def test_a_changed_text_medium_addition_or_removal_shows_in_its_part_alone(tmp_path):
    corpus = Corpus(tmp_path)
    write(corpus.root / "d0/words.txt", b"two")
    assert corpus.changed() == ["0"]
    write(corpus.root / "d1/sound.wav", b"y" * (HASH_AT_SIGHT + 1))
    assert corpus.changed() == ["1"]
    write(corpus.root / "d1/more.txt", b"more")
    assert corpus.changed() == ["1"]
    (corpus.root / "d0/sound.wav").unlink()
    assert corpus.changed() == ["0"]
    write(corpus.root / "readme", b"changed")
    write(corpus.root / "d0/._words.txt", b"resource fork")
    assert corpus.changed() == []


def test_a_generated_corpus_shows_only_what_differs_from_its_making(tmp_path):
    corpus = Corpus(tmp_path)
    corpus.made = {str(p.relative_to(corpus.root)): sha256(p) for p in corpus.root.rglob("d*/*")}
    corpus.changed()
    assert corpus.triggers["0"].read_text() == "{}\n"
    write(corpus.root / "d1/sound.wav", b"edited")
    assert corpus.changed() == ["1"]
    (corpus.root / "d1/words.txt").unlink()
    assert corpus.changed() == ["1"]


def test_a_link_that_points_nowhere_counts_as_missing(tmp_path):
    """A corpus mounted in part: planning goes on, and the file appears once the link holds."""
    corpus = Corpus(tmp_path)
    link, target = corpus.root / "d1/late.txt", tmp_path / "elsewhere.txt"
    link.symlink_to(target)
    assert corpus.changed() == []
    target.write_text("here now")
    assert corpus.changed() == ["1"]


class Planned:
    """Plans of a corpus outside the project: two parts of an actor each, indexed, as Snakemake remembers it."""

    def __init__(self, folder: Path):
        self.root = folder / "corpora/it's raw"
        for actor in ("01", "03"):
            for emotion in ("03", "04"):
                path = self.root / f"Actor_{actor}/03-01-{emotion}-01-01-01-{actor}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(f"{actor} {emotion}".encode() + bytes(HASH_AT_SIGHT))
        self.records: dict[str, Path] = {}
        self.index(self.plan())

    def plan(self, root: str | Path = "") -> Plan:
        """A plan of today, with the corpus at `root`."""
        config = shipped("configs/ravdess.yaml")
        config["corpora"]["ravdess"] |= {"parts": 2, "root": str(root or self.root)}
        plan = Plan(config, recipes={("index_part", "ravdess"): Path("planned before")})
        plan.refresh_raw(lambda output, _: self.records.get(str(output)))
        return plan

    def triggers(self, root: str | Path = "") -> dict[str, str]:
        return self.plan(root).raw["ravdess"]

    def index(self, plan: Plan, named: bool = True) -> None:
        """Do what index_part does and Snakemake remembers of it; not named: no row names a file."""
        for part, folder in (("0", "Actor_01"), ("1", "Actor_03")):
            files = {str(p.relative_to(self.root)): p for p in sorted((self.root / folder).iterdir()) if p.is_file()}
            sidecar, digests = (Path(f"data/manifest/ravdess/{part}{suffix}") for suffix in (".json", ".audio.sha256"))
            sidecar.parent.mkdir(parents=True, exist_ok=True)
            digests.write_text("".join(f"{sha256(p)}  {name}\n" for name, p in files.items()) if named else "")
            raw = {name: sha256(p) if named else fingerprint(p) for name, p in files.items()}
            args = SimpleNamespace(corpus="ravdess", corpus_root=self.root, parts=2, part=part)
            raw |= unreadable(listing(args, ravdess.group)[1])
            write_sidecar(sidecar, {}, inputs=[], outputs=[], raw=raw)
            self.records[str(sidecar)] = Path(plan.raw["ravdess"][part])


@pytest.fixture
def planned(tmp_path, monkeypatch) -> Planned:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMOSPACE_RAVDESS", raising=False)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    return Planned(tmp_path)


def test_a_corpus_that_is_not_there_leaves_everything_as_it_is_and_is_said(planned, tmp_path):
    before, memory = planned.triggers(), Path(".emospace/raw/ravdess/seen.json").read_bytes()
    (tmp_path / "mount point").mkdir()
    (tmp_path / "mount point/lost+found").touch()
    for root in ("nowhere", "mount point"):
        plan = planned.plan(root)
        assert plan.raw["ravdess"] == before
        (warning,) = plan.warnings
        assert warning.startswith(f"{root}: no file of 'ravdess' is there; what was made from it is taken as it is.")
        assert "EMOSPACE_RAVDESS" in warning and "mount" in warning
    assert Path(".emospace/raw/ravdess/seen.json").read_bytes() == memory
    assert planned.triggers() == before and planned.plan().warnings == []


def test_a_corpus_that_never_was_there_is_refused_where_it_is_to_be_read(planned):
    planned.records.clear()
    shutil.rmtree("data")
    plan = planned.plan("nowhere")
    assert "nothing was ever read from it" in plan.warnings[0]
    plan.refuse_absent([])
    with pytest.raises(Exception, match=r"^nowhere: no file of 'ravdess' is there, and it is to be read. .*RAVDESS"):
        plan.refuse_absent(["ravdess"])
    planned.plan().refuse_absent(["ravdess"])


def test_the_same_folder_in_another_spelling_is_no_change(planned, tmp_path, monkeypatch):
    before, memory = planned.triggers(), Path(".emospace/raw/ravdess/seen.json").read_bytes()
    (tmp_path / "link").symlink_to(planned.root)
    for root in (f"{planned.root}/", os.path.relpath(planned.root), tmp_path / "link"):
        assert planned.triggers(root) == before
    monkeypatch.setenv("EMOSPACE_RAVDESS", f"{planned.root}/.")
    assert planned.triggers("elsewhere") == before
    assert Path(".emospace/raw/ravdess/seen.json").read_bytes() == memory


def test_a_look_at_another_folder_is_forgotten_and_a_copy_is_no_change(planned, tmp_path):
    before = planned.triggers()
    other = Path(shutil.copytree(planned.root, tmp_path / "other", copy_function=shutil.copy))
    assert planned.triggers(other) == before  # its time stamps differ
    clip = sorted(other.rglob("*.wav"))[0]
    write(clip, clip.read_bytes()[:-1] + b"x")
    seen = planned.triggers(other)
    assert seen["0"] != before["0"] and seen["1"] == before["1"]
    shutil.rmtree(other / "Actor_03")
    assert planned.triggers(other)["1"] != before["1"]
    assert planned.triggers() == before
    Path(".emospace/raw/ravdess/seen.json").unlink()
    assert planned.triggers() == before


def test_a_change_shows_once_and_is_no_change_once_indexed(planned):
    before, clip = planned.triggers(), sorted(planned.root.rglob("*.wav"))[0]
    write(clip, clip.read_bytes()[:-1] + b"x")
    plan = planned.plan()
    assert plan.raw["ravdess"]["0"] != before["0"] and plan.raw["ravdess"]["1"] == before["1"]
    assert read_json(Path(before["0"])) != read_json(Path(plan.raw["ravdess"]["0"]))
    planned.index(plan)
    assert planned.triggers() == plan.raw["ravdess"]


def test_what_changed_while_it_was_indexed_is_not_read_a_second_time(planned):
    """Snakemake remembers the trigger of the plan, from before the change; the sidecar says what was read."""
    before, clip = planned.plan(), sorted(planned.root.rglob("*.wav"))[0]
    write(clip, clip.read_bytes()[:-1] + b"x")
    assert planned.triggers() != before.raw["ravdess"]
    planned.index(before)
    assert planned.triggers() == before.raw["ravdess"]


def test_a_large_file_that_no_row_names_may_not_change_at_equal_size(planned):
    planned.index(planned.plan(), named=False)
    before, clip = planned.triggers(), sorted(planned.root.rglob("*.wav"))[0]
    write(clip, clip.read_bytes()[:-1] + b"x")
    assert planned.triggers()["0"] != before["0"]


def test_a_large_file_that_no_row_names_may_not_change_its_size_even_if_nothing_is_remembered(planned):
    planned.index(planned.plan(), named=False)
    before, clip = planned.triggers(), sorted(planned.root.rglob("*.wav"))[0]
    Path(".emospace/raw/ravdess/seen.json").unlink()
    assert planned.triggers() == before
    Path(".emospace/raw/ravdess/seen.json").unlink()
    write(clip, clip.read_bytes() + b"x")
    assert planned.triggers()["0"] != before["0"]


def odd_things(root: Path) -> set[str]:
    """Put everything below d0 that is no file anyone could read; returns its paths."""
    folder = root / "d0"
    os.mkfifo(folder / "pipe.txt")
    (folder / "zero.wav").symlink_to("/dev/zero")
    (folder / "round").symlink_to(root)
    (folder / "all").symlink_to("/")
    (folder / "endless.mp4").symlink_to("endless.mp4")
    (folder / "unpacked.wav").mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("latin-1")
    return {f"d0/{n}" for n in ("pipe.txt", "zero.wav", "round", "all", "endless.mp4", "unpacked.wav", "caf\\xe9.txt")}


def test_pipes_devices_circles_and_names_that_are_not_utf8_are_told_and_left_out(tmp_path):
    corpus, odd = Corpus(tmp_path), {}
    wanted = odd_things(corpus.root)
    assert corpus.changed() == ["0"]
    assert {path for path, _ in walk(str(corpus.root), odd)} == {
        "readme",
        *(f"d{p}/{n}" for p in PARTS for n in ("words.txt", "sound.wav")),
    }
    assert odd.keys() == wanted
    assert "UTF-8" in odd["d0/caf\\xe9.txt"] and "device" in odd["d0/zero.wav"] and "lies in" in odd["d0/all"]


def test_a_folder_that_is_linked_twice_is_read_twice(tmp_path):
    corpus, odd = Corpus(tmp_path), {}
    (corpus.root / "d2").symlink_to(corpus.root / "d1")
    assert {path for path, _ in walk(str(corpus.root), odd)} > {"d1/words.txt", "d2/words.txt"} and not odd


@pytest.mark.parametrize(("folders", "limit"), [(20, {"NESTED": 30, "LINKED": 1000}), (20, {}), (60, {"LINKED": 1000})])
def test_folders_linked_sideways_are_not_walked_on_every_way(tmp_path, monkeypatch, folders, limit):
    """Through 20 folders that each hold two links to the next there are a million ways."""
    for name, value in limit.items():
        monkeypatch.setattr(files_below, name, value)
    odd = {}
    for number in range(folders):
        (tmp_path / f"{number:02d}").mkdir()
        (tmp_path / f"{number:02d}/words.txt").write_text("a")
        for name in "ab":
            (tmp_path / f"{number:02d}/{name}").symlink_to(f"../{number + 1:02d}")
    found = [path for path, _ in walk(str(tmp_path), odd)]
    assert len(found) < 50_000 and {f"{number:02d}/words.txt" for number in range(folders)} <= set(found)
    told = [why for why in odd.values() if "levels" not in why]  # the kernel follows 40 links
    assert len(told) == 1 and "left out" in told[0] and len(odd) <= 3


def test_a_folder_deeper_than_python_calls_reach(tmp_path):
    deep = tmp_path / "/".join("a" * 300)  # pytest has to delete it, so the limit comes down to it
    deep.mkdir(parents=True)
    (deep / "words.txt").write_text("one")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        found = [path for path, _ in walk(str(tmp_path))]
    finally:
        sys.setrecursionlimit(limit)
    assert found == [str(deep.relative_to(tmp_path) / "words.txt")]


def test_what_may_not_be_opened_is_told_and_left_out(tmp_path, monkeypatch):
    corpus, odd, listdir = Corpus(tmp_path), {}, os.listdir

    def closed(path):
        if str(path).endswith("/d1"):
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", closed)
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("words.txt"))
    assert {path for path, _ in walk(str(corpus.root), odd)} == {"readme", "d0/sound.wav"}
    assert odd == {"d0/words.txt": "it may not be read", "d1": "the folder cannot be opened (Permission denied)"}


def test_planning_warns_of_such_files_in_one_line_and_the_part_lists_them(planned):
    folder = planned.root / "Actor_01"
    os.mkfifo(folder / "03-01-05-01-01-01-01.wav")
    os.mkfifo(folder / "03-01-05-01-01-02-01.wav")
    plan = planned.plan()
    (warning,) = plan.warnings
    assert "03-01-05-01-01-01-01.wav: it is a pipe" in warning and "and 1 more" in warning
    args = SimpleNamespace(corpus="ravdess", corpus_root=planned.root, parts=2, part="0")
    files, problems = listing(args, ravdess.group)
    assert len(files) == 2 and [p.reason for p in problems] == ["unreadable"] * 2
    args.part = "1"
    assert listing(args, ravdess.group)[1] == []


def test_what_cannot_be_read_comes_and_goes_with_its_line_of_the_quality_table(planned):
    """Its part is made again then, and only then."""
    before, pipe = planned.triggers(), planned.root / "Actor_01/03-01-05-01-01-01-01.wav"
    os.mkfifo(pipe)
    plan = planned.plan()
    assert plan.raw["ravdess"]["0"] != before["0"] and plan.raw["ravdess"]["1"] == before["1"]
    assert "unreadable: it is a pipe" in read_json(Path(plan.raw["ravdess"]["0"]))[f"Actor_01/{pipe.name}"]
    planned.index(plan)
    assert planned.triggers() == plan.raw["ravdess"]
    pipe.unlink()
    assert planned.triggers()["0"] != plan.raw["ravdess"]["0"]
    planned.index(planned.plan())
    pipe.symlink_to("/dev/zero")  # the table says the same of it
    assert planned.triggers()["0"] == plan.raw["ravdess"]["0"]
    pipe.unlink()
    pipe.write_bytes(b"sound")
    assert planned.triggers()["0"] not in (plan.raw["ravdess"]["0"], before["0"])


def test_what_became_unreadable_is_compared_without_being_opened(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    seen = {"a.wav": [-1, 0, f"{ODD}it is a pipe"]}
    assert changed(tmp_path, {"a.wav": "0" * 64}, seen) == changed(tmp_path, {"a.wav": "size 5"}, seen) == "a.wav"
    assert changed(tmp_path, {"a.wav": f"{ODD}it is a pipe"}, seen) == ""


def test_a_full_disk_and_a_file_that_may_not_be_written_are_one_line():
    assert "the disk is full. free some space" in str(told(OSError(errno.ENOSPC, "No space left on device", "x")))
    assert str(told(PermissionError(13, "Permission denied", ".emospace"))).startswith(".emospace: Permission denied")
