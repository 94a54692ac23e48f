"""Raw files: a change of content affects its part only; a change of location or time stamp affects nothing.

Covers: core/files_below, plan/part_listing, plan/triggers.
"""

import inspect
import os
import shutil
import sys
from pathlib import Path

import pytest
from conftest import ROOT, shipped

from emospace.core import files_below
from emospace.core.files_below import walk
from emospace.core.provenance import read_json, sha256, write_sidecar
from emospace.corpora import ravdess
from emospace.plan.part_listing import listing, unreadable
from emospace.plan.plan import Plan
from emospace.plan.raw_files import HASH_AT_SIGHT, ODD, by_part, changed, fingerprint, look, trigger

PARTS = ["0", "1"]


def group(path: str) -> int | None:
    return int(path[1]) if path.startswith("d") else None


class Corpus:
    """A corpus of two parts, each with a small text and a large media file."""

    def __init__(self, folder: Path):
        self.root, self.state, self.published, self.generated = folder / "it's raw", folder / "state", {}, {}
        self.triggers: dict[str, Path] = {}
        for part in PARTS:
            (self.root / f"d{part}").mkdir(parents=True)
            (self.root / f"d{part}/words.txt").write_text("one")
            (self.root / f"d{part}/sound.wav").write_bytes(b"x" * (HASH_AT_SIGHT + 1))
        (self.root / "readme").write_text("not part of any group")
        self.changed()

    def changed(self) -> list[str]:
        """Look at the raw files; return the parts whose trigger changed."""
        old = self.triggers
        now = look(str(self.root), self.state, group, self.published, self.generated)
        triggers = by_part(now, PARTS, group, self.generated)
        self.triggers = {part: trigger(self.state, part, content) for part, _, content in triggers}
        return [part for part in PARTS if self.triggers[part] != old.get(part)]


def write(path: Path, content: bytes) -> None:
    """Write a file and make sure that its time stamp changes."""
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


def test_a_changed_added_or_removed_file_changes_only_the_trigger_of_its_part(tmp_path):
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


def test_the_trigger_of_a_generated_corpus_lists_only_changes_since_generation(tmp_path):
    corpus = Corpus(tmp_path)
    corpus.generated = {str(p.relative_to(corpus.root)): sha256(p) for p in corpus.root.rglob("d*/*")}
    corpus.changed()
    assert corpus.triggers["0"].read_text() == "{}\n"
    write(corpus.root / "d1/sound.wav", b"edited")
    assert corpus.changed() == ["1"]
    (corpus.root / "d1/words.txt").unlink()
    assert corpus.changed() == ["1"]


def test_a_broken_link_counts_as_missing(tmp_path):
    """The corpus is only partly mounted: planning continues, and the file appears once the link is valid."""
    corpus = Corpus(tmp_path)
    link, target = corpus.root / "d1/late.txt", tmp_path / "elsewhere.txt"
    link.symlink_to(target)
    assert corpus.changed() == []
    target.write_text("here now")
    assert corpus.changed() == ["1"]


class Planned:
    """Plans of a corpus outside the project, indexed in two parts of one actor each, with Snakemake's records."""

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
        """Return a new plan with the corpus at `root`."""
        config = shipped("configs/ravdess.yaml")
        config["corpora"]["ravdess"] |= {"parts": 2, "root": str(root or self.root)}
        plan = Plan(config, recipes={("index_part", "ravdess"): Path("planned before")})
        plan.refresh_raw(lambda output, _: self.records.get(str(output)))
        return plan

    def triggers(self, root: str | Path = "") -> dict[str, str]:
        return self.plan(root).raw["ravdess"]

    def index(self, plan: Plan, named: bool = True) -> None:
        """Imitate index_part and Snakemake's record of it. named=False: no row refers to a file."""
        for part, folder in (("0", "Actor_01"), ("1", "Actor_03")):
            files = {str(p.relative_to(self.root)): p for p in sorted((self.root / folder).iterdir()) if p.is_file()}
            sidecar, digests = (Path(f"data/manifest/ravdess/{part}{suffix}") for suffix in (".json", ".audio.sha256"))
            sidecar.parent.mkdir(parents=True, exist_ok=True)
            digests.write_text("".join(f"{sha256(p)}  {name}\n" for name, p in files.items()) if named else "")
            raw = {name: sha256(p) if named else fingerprint(p) for name, p in files.items()}
            raw |= unreadable(listing("ravdess", self.root, int(part), 2, ravdess.group)[1])
            write_sidecar(sidecar, {}, inputs=[], outputs=[], raw=raw)
            self.records[str(sidecar)] = Path(plan.raw["ravdess"][part])


@pytest.fixture
def planned(tmp_path, monkeypatch) -> Planned:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMOSPACE_RAVDESS", raising=False)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    return Planned(tmp_path)


def test_an_absent_corpus_changes_no_trigger_and_gives_a_warning(planned, tmp_path):
    before, memory = planned.triggers(), Path(".emospace/raw/ravdess/seen.json").read_bytes()
    (tmp_path / "mount point").mkdir()
    (tmp_path / "mount point/lost+found").touch()
    for root in ("nowhere", "mount point"):
        plan = planned.plan(root)
        assert plan.raw["ravdess"] == before
        (warning,) = plan.warnings
        assert warning.startswith(f"{root}: no file of 'ravdess' is there; its existing artifacts are used unchanged.")
        assert "EMOSPACE_RAVDESS" in warning and "mount" in warning
    assert Path(".emospace/raw/ravdess/seen.json").read_bytes() == memory
    assert planned.triggers() == before and planned.plan().warnings == []


def test_a_corpus_that_was_never_indexed_is_refused_when_a_job_reads_it(planned):
    planned.records.clear()
    shutil.rmtree("data")
    plan = planned.plan("nowhere")
    assert "it was never indexed either" in plan.warnings[0]
    plan.refuse_absent([])
    with pytest.raises(Exception, match=r"^nowhere: no file of 'ravdess' is there, but a job must read it. .*RAVDESS"):
        plan.refuse_absent(["ravdess"])
    planned.plan().refuse_absent(["ravdess"])


def test_another_spelling_of_the_same_folder_is_no_change(planned, tmp_path, monkeypatch):
    before, memory = planned.triggers(), Path(".emospace/raw/ravdess/seen.json").read_bytes()
    (tmp_path / "link").symlink_to(planned.root)
    for root in (f"{planned.root}/", os.path.relpath(planned.root), tmp_path / "link"):
        assert planned.triggers(root) == before
    monkeypatch.setenv("EMOSPACE_RAVDESS", f"{planned.root}/.")
    assert planned.triggers("elsewhere") == before
    assert Path(".emospace/raw/ravdess/seen.json").read_bytes() == memory


def test_a_temporary_other_root_has_no_effect_and_a_copy_is_no_change(planned, tmp_path):
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


def test_a_change_is_reported_until_it_is_indexed(planned):
    before, clip = planned.triggers(), sorted(planned.root.rglob("*.wav"))[0]
    write(clip, clip.read_bytes()[:-1] + b"x")
    plan = planned.plan()
    assert plan.raw["ravdess"]["0"] != before["0"] and plan.raw["ravdess"]["1"] == before["1"]
    assert read_json(Path(before["0"])) != read_json(Path(plan.raw["ravdess"]["0"]))
    planned.index(plan)
    assert planned.triggers() == plan.raw["ravdess"]


def test_a_file_that_changed_during_indexing_is_not_indexed_twice(planned):
    """Snakemake's record has the trigger from before the change; the sidecar has the digests of the files read."""
    before, clip = planned.plan(), sorted(planned.root.rglob("*.wav"))[0]
    write(clip, clip.read_bytes()[:-1] + b"x")
    assert planned.triggers() != before.raw["ravdess"]
    planned.index(before)
    assert planned.triggers() == before.raw["ravdess"]


def test_a_change_at_equal_size_of_an_unreferenced_large_file_is_noticed(planned):
    planned.index(planned.plan(), named=False)
    before, clip = planned.triggers(), sorted(planned.root.rglob("*.wav"))[0]
    write(clip, clip.read_bytes()[:-1] + b"x")
    assert planned.triggers()["0"] != before["0"]


def test_a_change_in_size_of_an_unreferenced_large_file_is_noticed_without_seen_json(planned):
    planned.index(planned.plan(), named=False)
    before, clip = planned.triggers(), sorted(planned.root.rglob("*.wav"))[0]
    Path(".emospace/raw/ravdess/seen.json").unlink()
    assert planned.triggers() == before
    Path(".emospace/raw/ravdess/seen.json").unlink()
    write(clip, clip.read_bytes() + b"x")
    assert planned.triggers()["0"] != before["0"]


def unreadable_entries(root: Path) -> set[str]:
    """Create all types of unreadable entries below d0; return their paths."""
    folder = root / "d0"
    os.mkfifo(folder / "pipe.txt")
    (folder / "zero.wav").symlink_to("/dev/zero")
    (folder / "round").symlink_to(root)
    (folder / "all").symlink_to("/")
    (folder / "endless.mp4").symlink_to("endless.mp4")
    (folder / "unpacked.wav").mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("latin-1")
    return {f"d0/{n}" for n in ("pipe.txt", "zero.wav", "round", "all", "endless.mp4", "unpacked.wav", "caf\\xe9.txt")}


def test_pipes_devices_circular_links_and_names_outside_utf8_are_reported_and_skipped(tmp_path):
    corpus, odd = Corpus(tmp_path), {}
    unreadable = unreadable_entries(corpus.root)
    assert corpus.changed() == ["0"]
    assert {path for path, _ in walk(str(corpus.root), odd)} == {
        "readme",
        *(f"d{p}/{n}" for p in PARTS for n in ("words.txt", "sound.wav")),
    }
    assert odd.keys() == unreadable
    assert "UTF-8" in odd["d0/caf\\xe9.txt"] and "device" in odd["d0/zero.wav"] and "contains it" in odd["d0/all"]


def test_a_folder_and_a_link_to_it_are_both_read(tmp_path):
    corpus, odd = Corpus(tmp_path), {}
    (corpus.root / "d2").symlink_to(corpus.root / "d1")
    assert {path for path, _ in walk(str(corpus.root), odd)} > {"d1/words.txt", "d2/words.txt"} and not odd


@pytest.mark.parametrize(("folders", "limit"), [(20, {"NESTED": 30, "LINKED": 1000}), (20, {}), (60, {"LINKED": 1000})])
def test_not_every_path_through_cross_linked_folders_is_walked(tmp_path, monkeypatch, folders, limit):
    """20 folders with two links each to the next have a million paths."""
    for name, value in limit.items():
        monkeypatch.setattr(files_below, name, value)
    odd = {}
    for number in range(folders):
        (tmp_path / f"{number:02d}").mkdir()
        (tmp_path / f"{number:02d}/words.txt").write_text("a")
        for name in "ab":
            (tmp_path / f"{number:02d}/{name}").symlink_to(f"../{number + 1:02d}")
    paths = [path for path, _ in walk(str(tmp_path), odd)]
    assert len(paths) < 50_000 and {f"{number:02d}/words.txt" for number in range(folders)} <= set(paths)
    reasons = [reason for reason in odd.values() if "levels" not in reason]  # the kernel follows 40 links
    assert len(reasons) == 1 and "skipped" in reasons[0] and len(odd) <= 3


def test_a_folder_deeper_than_the_recursion_limit(tmp_path):
    deep = tmp_path / "/".join("a" * 300)  # pytest must be able to delete it, so the limit is lowered instead
    deep.mkdir(parents=True)
    (deep / "words.txt").write_text("one")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        paths = [path for path, _ in walk(str(tmp_path))]
    finally:
        sys.setrecursionlimit(limit)
    assert paths == [str(deep.relative_to(tmp_path) / "words.txt")]


def test_entries_without_read_permission_are_reported_and_skipped(tmp_path, monkeypatch):
    corpus, odd, listdir = Corpus(tmp_path), {}, os.listdir

    def closed(path):
        if str(path).endswith("/d1"):
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", closed)
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("words.txt"))
    assert {path for path, _ in walk(str(corpus.root), odd)} == {"readme", "d0/sound.wav"}
    assert odd == {
        "d0/words.txt": "its permissions forbid reading",
        "d1": "the folder cannot be opened (Permission denied)",
    }


def test_planning_warns_of_unreadable_files_in_one_line_and_the_part_lists_them(planned):
    folder = planned.root / "Actor_01"
    os.mkfifo(folder / "03-01-05-01-01-01-01.wav")
    os.mkfifo(folder / "03-01-05-01-01-02-01.wav")
    plan = planned.plan()
    (warning,) = plan.warnings
    assert "03-01-05-01-01-01-01.wav: it is a pipe" in warning and "and 1 more" in warning
    files, problems = listing("ravdess", planned.root, 0, 2, ravdess.group)
    assert len(files) == 2 and [p.reason for p in problems] == ["unreadable"] * 2
    assert listing("ravdess", planned.root, 1, 2, ravdess.group)[1] == []


def test_an_unreadable_entry_triggers_its_part_when_it_appears_and_disappears(planned):
    """Its part is rebuilt then, and only then."""
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
    pipe.symlink_to("/dev/zero")  # its line in the table is the same
    assert planned.triggers()["0"] == plan.raw["ravdess"]["0"]
    pipe.unlink()
    pipe.write_bytes(b"sound")
    assert planned.triggers()["0"] not in (plan.raw["ravdess"]["0"], before["0"])


def test_an_unreadable_entry_is_compared_without_opening_it(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    seen = {"a.wav": [-1, 0, f"{ODD}it is a pipe"]}
    assert changed(tmp_path, {"a.wav": "0" * 64}, seen) == changed(tmp_path, {"a.wav": "size 5"}, seen) == "a.wav"
    assert changed(tmp_path, {"a.wav": f"{ODD}it is a pipe"}, seen) == ""
