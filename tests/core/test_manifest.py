"""Manifests: reading, writing, checking, and the scripts that index parts and merge them.

Covers: corpora/_joining.
"""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import ROOT, utterance

from emospace.core import manifest
from emospace.core.errors import InputError
from emospace.core.manifest import Problem
from emospace.core.provenance import read_digests, read_json

RECIPE = {"plugin": "ravdess", "options": {}}


def test_round_trip(tmp_path):
    rows = [
        utterance("a", text='He said "é, no";\nand left.', start=0.1, end=2.25, valence=2.5, scripted=True, part="00"),
        utterance("b", text="", audio="", video="x, y.avi", crop="0 0 360 480", whole=False),
    ]
    manifest.write(tmp_path / "m.csv", rows)
    assert manifest.read(tmp_path / "m.csv") == rows
    problems = [Problem("b", "f", "silent", "d,\n'é'", "r", True), Problem("a", "f", "count", "d", "r")]
    manifest.write_problems(tmp_path / "q.csv", problems)
    assert manifest.read_problems(tmp_path / "q.csv") == problems[::-1]


def test_another_table_is_not_read_as_a_manifest(tmp_path):
    (tmp_path / "m.csv").write_text("utterance,label\na,neu\n")
    with pytest.raises(InputError, match="its columns are"):
        manifest.read(tmp_path / "m.csv")


def test_unusable_rows_are_dropped_with_a_reason():
    good = utterance("c", end=2.0)
    bad = [
        replace(good, start=3.0, end=4.0),
        utterance("a", start=1.0, end=1.0),
        utterance("b", start=2.0, end=1.0),
        utterance("", end=1.0),
        utterance("up/../and/away", end=1.0),
        utterance("line\nbreak", end=1.0),
        utterance("d", end=float("nan")),
    ]
    rows, problems = manifest.check([*bad, good, utterance("0")])
    assert [r.utterance for r in rows] == ["0", "c"] and rows[1] == good
    assert Counter(p.reason for p in problems) == {"duplicate id": 1, "empty interval": 3, "bad line": 3}
    assert all(p.dropped and p.reason in manifest.REASONS for p in problems)


class Workspace:
    """A RAVDESS of six actors in a folder with an awkward name, and the scripts that process it."""

    def __init__(self, folder: Path):
        self.root, self.out, self.recipe = folder / 'it\'s "raw" données', folder / "out", folder / "recipe.json"
        self.recipe.write_text(json.dumps(RECIPE))
        for actor in range(1, 7):
            for emotion in (1, 3):
                self.clip(f"Actor_{actor:02d}/03-01-{emotion:02d}-01-01-01-{actor:02d}.wav", actor + emotion)

    def clip(self, name: str, value: int = 0) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(1600, value, np.int16), 16_000)
        return path

    def run(self, script: str, *arguments, fails: bool = False) -> str:
        command = [sys.executable, "-m", f"workflow_scripts.{script}", "--recipe", self.recipe, *arguments]
        done = subprocess.run([str(c) for c in command], cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode == 1) == fails and done.returncode in (0, 1), done.stderr
        return done.stderr

    def part(self, number: int, suffix: str = ".csv") -> Path:
        return self.out / f"{number}{suffix}"

    def index(self, number: int, **options) -> str:
        files = {"manifest": ".csv", "quality": ".quality.csv", "audio-digests": ".audio.sha256"}
        files |= {"video-digests": ".video.sha256", "words": ".words.csv"}
        outputs = [x for name, suffix in files.items() for x in (f"--{name}", self.part(number, suffix))]
        source = ["--corpus", "ravdess", "--corpus-root", self.root, "--part", number, "--parts", 2]
        return self.run("index_part", *source, *outputs, **options)

    def merge(self, **options) -> str:
        parts = [self.part(i) for i in (0, 1)], [self.part(i, ".quality.csv") for i in (0, 1)]
        outputs = ["--out", self.out / "all.csv", "--out-quality", self.out / "all.quality.csv"]
        sidecar = ["--sidecar", self.out / "all.json"]
        return self.run(
            "merge_manifest", "--manifest", *parts[0], "--quality", *parts[1], *outputs, *sidecar, **options
        )


@pytest.fixture
def work(tmp_path):
    return Workspace(tmp_path)


def test_each_part_holds_its_groups_and_sha256sum_agrees_with_its_digests(work):
    for number, speakers in ((0, (1, 2, 5, 6)), (1, (3, 4))):
        work.index(number)
        rows = manifest.read(work.part(number))
        assert {r.speaker for r in rows} == {f"Actor_0{k}" for k in speakers} and {r.part for r in rows} == {
            str(number)
        }
        digests = work.part(number, ".audio.sha256")
        assert set(read_digests([digests])) == {r.audio for r in rows}
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", digests], cwd=work.root, check=True)
        assert work.part(number, ".video.sha256").read_bytes() == b""
    next(work.root.rglob("*-01.wav")).write_bytes(b"changed")
    done = subprocess.run(
        ["sha256sum", "--check", "--status", work.part(0, ".audio.sha256")], cwd=work.root, check=False
    )
    assert done.returncode == 1


def test_a_bad_file_costs_only_its_own_row(work):
    (work.root / "Actor_01/03-01-03-01-01-01-01.wav").write_bytes(b"")
    (work.root / "Actor_01/what.wav").write_bytes(b"")
    work.index(0)
    assert len(manifest.read(work.part(0))) == 7
    reasons = {p.reason for p in manifest.read_problems(work.part(0, ".quality.csv"))}
    assert reasons == {"unreadable", "bad line"}


def test_a_missing_or_wrong_root_names_the_setting(work, tmp_path):
    work.root = tmp_path / "nowhere"
    for _ in range(2):
        error = work.index(0, fails=True)
        assert "corpora: ravdess: root" in error and "EMOSPACE_RAVDESS" in error and "nowhere" in error
        assert "Traceback" not in error and not work.out.exists()
        work.root.mkdir(exist_ok=True)
        (work.root / "thesis.txt").write_text("not a corpus")


@pytest.mark.parametrize("folder", ["odd\nfolder", "odd\u2028folder", "odd\\folder"])
def test_a_file_name_that_a_digest_file_cannot_hold_is_refused(work, folder):
    clip = work.clip(f"Actor_01/{folder}/03-01-05-01-01-01-01.wav")
    assert "rename the file" in work.index(0, fails=True)
    clip.unlink()
    work.index(0)


def test_a_file_name_outside_utf_8_is_reported_and_costs_only_its_own_row(work):
    clip = work.clip("Actor_01/03-01-05-01-01-01-01.wav")
    clip.rename(clip.with_name("caf\udce9.wav"))
    work.index(0)
    [problem] = manifest.read_problems(work.part(0, ".quality.csv"))
    assert (problem.file, problem.detail) == ("Actor_01/caf\\xe9.wav", "its name is not UTF-8")


def test_a_video_truncated_within_its_index_costs_only_its_own_row(work):
    video = work.root / "Actor_01/01-01-05-01-01-01-01.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=1", "-movflags", "+faststart"]
    subprocess.run(["ffmpeg", "-v", "error", *source, f"file:{video}"], check=True)
    video.write_bytes(video.read_bytes()[:600])
    work.index(0)
    assert len(manifest.read(work.part(0))) == 8
    problems = manifest.read_problems(work.part(0, ".quality.csv"))
    assert [(p.reason, p.dropped) for p in problems] == [("unreadable", True)]


def test_parts_are_merged_in_order_and_the_sidecar_describes_the_corpus(work):
    for number in (0, 1):
        work.index(number)
    work.merge()
    rows = manifest.read(work.out / "all.csv")
    assert rows == manifest.read(work.part(0)) + manifest.read(work.part(1))
    sidecar = read_json(work.out / "all.json")
    assert sidecar["rows"] == 12 and sidecar["dropped"] == 0 and sidecar["public"] is True
    assert sidecar["counts"]["label"] == {"01": 6, "03": 6} and sidecar["counts"]["speaker"]["Actor_03"] == 2
    assert sidecar["licence"] == "CC BY-NC-SA 4.0" and "Livingstone" in sidecar["citation"] and sidecar["note"]
    # One problem for each of six actors (two clips each), each of eight emotions (six clips or none), and the total.
    problems = manifest.read_problems(work.out / "all.quality.csv")
    assert Counter(p.reason for p in problems) == {"count": 6 + 8 + 1}
    assert sidecar["problems"] == {"count": 15}


def test_equal_inputs_give_equal_bytes_and_a_changed_clip_does_not(work):
    def outputs():
        for number in (0, 1):
            work.index(number)
        work.merge()
        return {p.name: p.read_bytes() for p in sorted(work.out.iterdir())}

    first = outputs()
    assert outputs() == first
    work.clip("Actor_03/03-01-03-01-01-01-03.wav", 77)
    second = outputs()
    assert {name for name in first if first[name] != second[name]} == {"1.audio.sha256", "1.json"}
    (work.root / "Actor_03/03-01-03-01-01-01-03.wav").unlink()
    changed = {name for name, content in outputs().items() if content != first[name]}
    assert changed == {"1.csv", "1.json", "1.audio.sha256", "all.csv", "all.quality.csv", "all.json"}


def test_an_id_in_two_parts_stops_the_merge_and_names_both(work):
    for number in (0, 1):
        work.index(number)
    rows = manifest.read(work.part(1))
    duplicate = manifest.read(work.part(0))[0]
    manifest.write(work.part(1), [*rows, replace(duplicate, part="1")])
    error = work.merge(fails=True)
    assert duplicate.utterance in error and str(work.part(0)) in error and str(work.part(1)) in error
    assert not (work.out / "all.csv").exists()
