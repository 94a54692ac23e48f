"""The frames view selects the right frames, proved by a number painted into each, and reports faults of videos.

Covers: media/decoders, media/pictures, media/video.
"""

import io
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _films import NTSC, film, row, video
from PIL import Image

from emospace.core import manifest, provenance
from emospace.core.errors import InputError
from emospace.media.decoders import EXTRACTORS
from emospace.media.pictures import Frames
from emospace.media.video import Video, probe
from emospace.views.frames import extract, frame_indices

BITS = 8
# Name -> encoding. B-frames, open GOPs and AVI (no presentation times) are where frames are easily miscounted.
ENCODINGS = {
    "plain.avi": ["-c:v", "mpeg4", "-q:v", "2"],
    "bframes.avi": ["-c:v", "mpeg4", "-bf", "2", "-q:v", "2"],
    "mpeg1.mpg": ["-c:v", "mpeg1video", "-bf", "2", "-q:v", "2"],
    "h264.mp4": ["-c:v", "libx264", "-g", "15", "-qp", "10"],
    "open.mkv": ["-c:v", "libx264", "-g", "15", "-qp", "10", "-x264-params", "open-gop=1:scenecut=0"],
    "motion.avi": ["-c:v", "mjpeg", "-q:v", "2"],
}


def number(luma: np.ndarray) -> int:
    """Read the number from the luma of a whole frame, shape (H, W)."""
    fields = np.array_split(luma.astype(float), BITS, axis=1)
    return sum(int(field.mean() > 128) << bit for bit, field in enumerate(fields))


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for name, options in ENCODINGS.items():
        film(folder / name, *options)
    return folder


def pictures(path: Path, name: str) -> list[Image.Image]:
    with Frames(path) as frames:
        return [Image.open(io.BytesIO(jpeg)) for jpeg in frames.row(name)]


def reasons(problems) -> list[str]:
    return [problem.reason for problem in problems]


@pytest.mark.parametrize(
    ("start", "end", "frames", "fps", "count", "expected"),
    [
        (0.0, 8.0, 8, "25", 1000, [12, 37, 62, 87, 112, 137, 162, 187]),
        (0.0, 0.04, 8, "25", 1000, [0]),  # a single frame, once
        (1.0, 1.2, 8, "25", 1000, [25, 26, 27, 28, 29]),  # fewer frames than requested
        (1.2, 1.4, 1, "10", 1000, [13]),  # in floating point, 1.3 * 10 is less than 13
        (10.01, 12.012, 4, NTSC, 1000, [307, 322, 337, 352]),
        (3.0, 5.0, 4, "10", 41, [32, 37, 40]),  # the last frame of the file, once
        (9.0, 10.0, 2, "10", 41, [40]),
    ],
)
def test_indices_are_those_at_the_centres_of_equal_slices(start, end, frames, fps, count, expected):
    assert frame_indices(start, end, frames, video(fps, count)) == expected


def test_at_a_variable_rate_the_frame_on_screen_is_taken():
    times = [0.0, 1.0, 1.1, 1.2, 5.0]
    assert frame_indices(0.0, 4.0, 4, video("10", 5, times)) == [0, 3]  # at 0.5, 1.5, 2.5, 3.5 s


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_extractors_return_the_requested_frames(films, name, extractor):
    indices = [0, 1, 2, 14, 15, 16, 29, 44, 59, 60, 61, 88, 117, 118, 119]
    frames = list(EXTRACTORS[extractor](probe(films / name), indices))
    assert [index for index, _ in frames] == indices
    assert [number(planes[:64]) for _, planes in frames] == indices


@pytest.mark.parametrize("name", ENCODINGS)
def test_extractors_agree_to_the_pixel(films, name):
    indices = [5, 17, 18, 64, 110]
    one, other = (dict(take(probe(films / name), indices)) for take in EXTRACTORS.values())
    for index in indices:
        # Two releases of FFmpeg may round an inverse transform differently, by one level at most.
        assert np.abs(one[index].astype(int) - other[index]).max() <= 1


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_packed_bframes(tmp_path, extractor):
    """Old DivX files have packets with two frames and others with none, so only decoded frames can be counted."""
    film(tmp_path / "packed.avi", "-c:v", "libxvid", "-bf", "2", "-q:v", "2")
    packed = probe(tmp_path / "packed.avi")
    indices = range(0, packed.count, 5)
    assert [number(planes[:64]) for _, planes in EXTRACTORS[extractor](packed, indices)] == list(indices)


def test_skipping_packets_changes_no_pixel(films):
    for name in ("plain.avi", "h264.mp4", "open.mkv", "mpeg1.mpg"):
        probed = probe(films / name)
        assert probed.stamps, f"{name} should be decoded in parts"
        without_stamps = Video(**vars(probed) | {"stamps": None})
        indices = [3, 40, 41, 77, 100]
        parts, whole = (dict(EXTRACTORS["pyav"](v, indices)) for v in (probed, without_stamps))
        assert all(np.array_equal(parts[i], whole[i]) for i in indices)


def test_many_frames_of_one_file_take_several_runs_of_ffmpeg(films, monkeypatch):
    monkeypatch.setattr("emospace.media.decoders.PER_RUN", 50)
    frames = list(EXTRACTORS["ffmpeg"](probe(films / "plain.avi"), range(120)))
    assert [number(planes[:64]) for _, planes in frames] == list(range(120))


def test_a_film_with_a_variable_rate(tmp_path):
    film(
        tmp_path / "vfr.mp4", "-vf", "select='lt(n,60)+not(mod(n,10))'", "-vsync", "vfr", "-c:v", "libx264", "-qp", "8"
    )
    probed = probe(tmp_path / "vfr.mp4")
    assert probed.times is not None
    indices = frame_indices(0.0, 4.0, 4, probed)  # at 0.5, 1.5, 2.5, 3.5 s: numbers 14, 44, 74, 104 of the source
    for take in EXTRACTORS.values():
        assert [number(planes[:64]) for _, planes in take(probed, indices)] == [14, 44, 70, 100]


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_the_zip_has_the_rows_in_order_cropped_and_scaled(films, tmp_path, extractor):
    split = "geq=lum='if(lt(X,64),200,50)':cb=128:cr=128"
    film(tmp_path / "split.avi", "-c:v", "mpeg4", "-q:v", "2", picture=split)
    shutil.copy(films / "plain.avi", tmp_path)
    rows = [
        row("split.avi", 0.0, 2.0, "a_1", "0 0 64 64"),
        row("plain.avi", 0.0, 2.0, "a_2"),
        row("", 0.0, 2.0, "a_3"),
        row("split.avi", 2.0, 3.0, "a_4", "64 0 128 64"),
    ]
    out = tmp_path / "part.zip"
    problems, facts = extract(rows, tmp_path, out, frames=2, size=32, extractor=extractor, threads=2)
    assert problems == []
    assert (facts["rows"], facts["missing"], facts["frames"]) == (4, 1, 6)
    names = [f"a_{u}/{k}.jpg" for u in (1, 2, 4) for k in (0, 1)]
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == names
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {i.date_time[0] for i in archive.infolist()} == {1980}
    assert Frames(out).counts == {"a_1": 2, "a_2": 2, "a_4": 2}
    assert Frames(out).row("a_3") == []
    left, right = pictures(out, "a_1")[0], pictures(out, "a_4")[0]
    assert left.size == right.size == (32, 32)
    assert pictures(out, "a_2")[0].size == (64, 32)  # the shorter side is scaled to 32
    assert np.asarray(left.convert("L")).mean() > 180 > 80 > np.asarray(right.convert("L")).mean()
    first = out.read_bytes()
    extract(rows, tmp_path, out, frames=2, size=32, extractor=extractor, threads=1)
    assert out.read_bytes() == first


def test_frames_per_second_of_the_utterance_are_at_least_one(films, tmp_path):
    rows = [row("plain.avi", 0.0, 0.3, "d_1"), row("plain.avi", 0.0, 3.6, "d_2")]
    extract(rows, films, tmp_path / "0.zip", per_second=1.0)
    assert [len(pictures(tmp_path / "0.zip", name)) for name in ("d_1", "d_2")] == [1, 4]


def test_small_frames_are_not_enlarged(films, tmp_path):
    extract([row("plain.avi", 0.0, 2.0)], films, tmp_path / "p.zip", frames=1, size=224)
    assert pictures(tmp_path / "p.zip", "d_1")[0].size == (128, 64)


def test_full_range_brightness_is_kept(films, tmp_path):
    """Motion JPEG uses all 256 levels, the others 219; confusing them shifts brightness by up to 16 levels."""
    for extractor in EXTRACTORS:
        rows = [row(name, 1.0, 1.2, name) for name in ("motion.avi", "plain.avi")]
        extract(rows, films, tmp_path / "p.zip", frames=1, extractor=extractor)
        one, other = (np.asarray(pictures(tmp_path / "p.zip", r.utterance)[0], float).mean() for r in rows)
        assert abs(one - other) < 4


def chunks(avi: bytes) -> list[int]:
    """Offsets of the frames of an AVI, each of which has a tag and a size of four bytes before its data."""
    return [match.start() for match in re.finditer(b"00dc", avi)]


def bad(folder: Path) -> dict[str, tuple[str, str]]:
    """Write faulty videos; return file name -> (expected reason, words of its detail)."""
    good = film(folder / "good.avi", "-c:v", "mpeg4", "-q:v", "2").read_bytes()
    (folder / "empty.avi").touch()
    (folder / "text.avi").write_text("this is not a video\n" * 500)
    (folder / "header.avi").write_bytes(good[:300])
    (folder / "cut.avi").write_bytes(good[: chunks(good)[30]])
    assert b"FMP4" in good
    (folder / "codec.avi").write_bytes(good.replace(b"FMP4", b"ZZZZ"))
    sound = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=duration=4", str(folder / "sound.mp4")]
    subprocess.run(sound, check=True)
    return {
        "absent.avi": ("missing file", "no such file"),
        "empty.avi": ("unreadable", "empty"),
        "text.avi": ("unreadable", "not a video"),
        "header.avi": ("unreadable", "not a video"),
        "cut.avi": ("truncated", "ends at"),
        "codec.avi": ("unreadable", "no decoder"),
        "sound.mp4": ("no frames", "no video stream"),
    }


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_faulty_videos_are_reported_and_the_others_extracted(tmp_path, extractor):
    expected = bad(tmp_path)
    rows = [row(name, 2.0, 3.9, f"bad_{i}") for i, name in enumerate(expected)] + [row("good.avi", 2.0, 3.9, "good_1")]
    problems, facts = extract(rows, tmp_path, tmp_path / "p.zip", frames=4, extractor=extractor)
    reported = {problem.file: (problem.reason, problem.detail) for problem in problems}
    assert reported.keys() == expected.keys()
    for name, (reason, words) in expected.items():
        assert reported[name][0] == reason, (name, reported[name])
        assert words in reported[name][1]
    assert facts["missing"] == len(expected)
    assert Frames(tmp_path / "p.zip").counts == {"good_1": 4}


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_intervals_beyond_the_end_are_shortened_or_omitted(films, tmp_path, extractor):
    rows = [
        row("plain.avi", 60.0, 62.0, "past"),
        row("plain.avi", 3.5, 6.0, "mostly past"),
        row("plain.avi", 2.0, 4.5, "mostly there"),
        row("plain.avi", 2.0, 4.05, "all there"),  # annotations round by a few hundredths of a second
    ]
    problems, _ = extract(rows, films, tmp_path / "p.zip", frames=4, extractor=extractor)
    assert [(p.utterance, p.reason) for p in problems] == [
        ("past", "truncated"),
        ("mostly past", "truncated"),
        ("mostly there", "truncated"),
    ]
    assert Frames(tmp_path / "p.zip").counts == {"mostly there": 4, "all there": 4}


def test_a_crop_outside_the_frame_is_reported(films, tmp_path):
    problems, _ = extract([row("plain.avi", 0.0, 2.0, crop="200 0 300 64")], films, tmp_path / "p.zip")
    assert reasons(problems) == ["no frames"]


@pytest.mark.parametrize("extractor", EXTRACTORS)
@pytest.mark.parametrize(("name", "shift"), [("plain.avi", 0), ("bframes.avi", 1)])
def test_damage_in_the_middle_does_not_shift_later_frames(films, tmp_path, extractor, name, shift):
    """Without reliable time stamps they may shift by one."""
    data = bytearray((films / name).read_bytes())
    for start in chunks(data)[55:70]:
        size = int.from_bytes(data[start + 4 : start + 8], "little")
        data[start + 8 : start + 8 + size] = bytes(size)
    (tmp_path / "damaged.avi").write_bytes(data)
    rows = [
        row("damaged.avi", 0.0, 0.4, "before"),
        row("damaged.avi", 1.5, 2.5, "in"),
        row("damaged.avi", 3, 4, "past"),
    ]
    problems, _ = extract(rows, tmp_path, tmp_path / "p.zip", frames=4, extractor=extractor)
    numbers = {
        r.utterance: [number(np.asarray(p.convert("L"))) for p in pictures(tmp_path / "p.zip", r.utterance)]
        for r in rows
    }
    assert numbers["before"] == [1, 4, 7, 10]
    assert len(numbers["past"]) == 4
    assert np.abs(np.subtract(numbers["past"], [93, 101, 108, 116])).max() <= shift
    assert "in" in [problem.utterance for problem in problems]


@pytest.mark.parametrize("extractor", EXTRACTORS)
@pytest.mark.parametrize("name", ["plain.avi", "h264.mp4"])
def test_one_wrong_bit_is_reported_once(films, tmp_path, extractor, name):
    """It is reported for its film alone; the frames are used, as decoders conceal most damage."""
    data = bytearray((films / name).read_bytes())
    data[chunks(data)[48] + 16 if name == "plain.avi" else data.index(b"mdat") + 3000] ^= 8
    (tmp_path / name).write_bytes(data)
    shutil.copy(films / name, tmp_path / "good.avi")
    rows = [row(file, start, start + 2.0, f"{file[0]}_{start:.0f}") for file in (name, "good.avi") for start in (0, 2)]
    problems, facts = extract(rows, tmp_path, tmp_path / "p.zip", frames=4, extractor=extractor)
    assert [(p.utterance, p.file, p.reason) for p in problems] == [("", name, "damaged")]
    assert " 0x" not in problems[0].detail and problems[0].remedy
    assert facts["missing"] == 0


@pytest.mark.parametrize("name", ["cut.mp4", "moov.mp4", "huge.avi"])
def test_false_headers_are_reported(tmp_path, name):
    """A truncated film with a complete index, a damaged index, and a frame of 4 gigapixels."""
    fast = ["-c:v", "libx264", "-qp", "10", "-movflags", "+faststart"]
    good = film(tmp_path / f"good.{name[-3:]}", *(fast if name.endswith("mp4") else ["-c:v", "mjpeg"])).read_bytes()
    if name == "cut.mp4":
        data = good[: good.index(b"mdat") + 100]
    elif name == "moov.mp4":
        data = good.replace(b"stsz", b"stsx")
    else:
        width, height = ((65_000).to_bytes(4, "little") for _ in range(2))
        data = good.replace((128).to_bytes(4, "little") + (64).to_bytes(4, "little"), width + height)
        data = data.replace(b"\x00\x40\x00\x80", b"\xfd\xe8\xfd\xe8")  # the JPEGs' own
    (tmp_path / name).write_bytes(data)
    begin = time.monotonic()
    problems, _ = extract([row(name, 0.0, 2.0)], tmp_path, tmp_path / "p.zip", frames=4)
    assert problems and {p.reason for p in problems} <= {"unreadable", "no frames", "truncated", "damaged"}
    assert Frames(tmp_path / "p.zip").counts == {} and time.monotonic() - begin < 20


@pytest.mark.parametrize("extractor", EXTRACTORS)
@pytest.mark.parametrize("name", ['a b\'s "c".avi', "é日本 ümlaut.avi", "http:x.avi", "%03d, [x];y=z.avi", "-y.avi"])
def test_awkward_paths(films, tmp_path, extractor, name, monkeypatch):
    shutil.copy(films / "plain.avi", tmp_path / name)
    monkeypatch.chdir(tmp_path)  # relative paths are more awkward, as they start with the name
    problems, _ = extract([row(name, 0.0, 2.0)], Path("."), Path("p.zip"), frames=2, extractor=extractor)
    assert problems == []
    assert Frames(tmp_path / "p.zip").counts == {"d_1": 2}


def test_an_unknown_extractor_and_a_missing_program_are_rejected(films, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="there is no 'ffmepg'"):
        extract([row("plain.avi", 0, 1)], films, tmp_path / "p.zip", extractor="ffmepg")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="not installed"):
        extract([row("plain.avi", 0, 1)], films, tmp_path / "p.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_a_zip_is_rejected(tmp_path):
    (tmp_path / "p.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"p\.zip: not a readable zip"):
        Frames(tmp_path / "p.zip")


def test_extractors_agree_on_real_films(grid, tmp_path):
    clips = sorted(path.name for path in grid.glob("*.mpg"))
    rows = [row(name, 0.0, 3.0, name) for name in clips]
    for extractor in EXTRACTORS:
        problems, facts = extract(rows, grid, tmp_path / f"{extractor}.zip", frames=8, extractor=extractor, threads=2)
        assert problems == []
        assert facts["frames"] == 8 * len(clips)
    one, other = (tmp_path / f"{extractor}.zip" for extractor in EXTRACTORS)
    for name in clips:
        pairs = zip(pictures(one, name), pictures(other, name), strict=True)
        assert all(np.abs(np.asarray(a, int) - np.asarray(b, int)).max() <= 8 for a, b in pairs)  # after JPEG
        assert frame_indices(0.0, 3.0, 8, probe(grid / name)) == [4, 14, 23, 32, 42, 51, 60, 70]


def test_a_job_killed_while_writing_leaves_no_output(tmp_path):
    """A file gets its final name only when it is complete."""
    film(tmp_path / "a.avi", "-c:v", "mpeg4", frames=900)
    rows = [row("a.avi", i / 10, i / 10 + 2, f"a_{i:03d}") for i in range(250)]
    manifest.write(tmp_path / "p.csv", [replace(r, video=f"{i}.avi") for i, r in enumerate(rows)])
    for i in range(len(rows)):
        (tmp_path / f"{i}.avi").symlink_to("a.avi")
    (tmp_path / "p.sha256").touch()
    provenance.write_json(tmp_path / "recipe.json", {"plugin": "frames", "options": {"extractor": "pyav", "frames": 2}})
    names = {"recipe": "recipe.json", "corpus-root": ".", "manifest": "p.csv", "inputs": "p.sha256", "out": "p.zip"}
    names |= {"quality": "p.quality.csv", "sidecar": "p.json"}
    paths = [word for name, file in names.items() for word in (f"--{name}", str(tmp_path / file))]
    command = [sys.executable, "-m", "workflow_scripts.extract_view", *paths]
    with subprocess.Popen(command) as process:
        while process.poll() is None and not any(path.stat().st_size for path in tmp_path.glob(".p.*.tmp.zip")):
            time.sleep(0.001)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "the job finished before it was killed"
    assert not [name for name in ("p.zip", "p.json", "p.quality.csv") if (tmp_path / name).exists()]
    subprocess.run([*command, "--threads", "2"], check=True)
    assert provenance.read_json(tmp_path / "p.json")["frames"] == 500
    assert len(Frames(tmp_path / "p.zip").counts) == 250
