"""RAVDESS's reader on generated recordings, on damaged ones, and on the real corpus if it is available.

Covers: corpora/_lengths.
"""

import subprocess
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from conftest import utterance

from emospace.core import manifest
from emospace.core.files_below import walk
from emospace.corpora import ravdess


def sound(path, seconds=0.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(round(seconds * 16_000), np.int16), 16_000)


def film(path, frames=15):
    """A black film with 30 frames per second."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        container.mux(stream.encode())


def read(root):
    return ravdess.index(root, [path for path, _ in walk(str(root))])


@pytest.fixture
def root(tmp_path):
    return tmp_path / 'it\'s "free" données'


def test_all_fields_come_from_the_name(root):
    sound(root / "Actor_12/03-01-06-02-02-01-12.wav", 1.25)
    rows, problems = read(root)
    assert problems == []
    assert rows == [
        manifest.Utterance(
            utterance="01-06-02-02-01-12",
            dialogue="01-06-02-02-01-12",
            session="Actors_11-12",
            speaker="Actor_12",
            gender="F",
            scripted=True,
            start=0.0,
            end=1.25,
            whole=True,
            text="Dogs are sitting by the door",
            audio="Actor_12/03-01-06-02-02-01-12.wav",
            video="",
            crop="",
            label="06",
            language="en",
            intensity="strong",
        )
    ]


def test_recording_and_films_of_a_clip_are_one_row(root):
    sound(root / "Actor_01/03-01-03-01-01-01-01.flac", 0.75)
    film(root / "Actor_01/01-01-03-01-01-01-01.mp4")
    film(root / "Actor_01/02-01-03-01-01-01-01.mp4")
    film(root / "Actor_01/01-01-04-01-01-01-01.mp4")
    film(root / "Actor_01/02-01-05-01-01-01-01.mp4")
    rows, problems = read(root)
    assert problems == []
    media = {r.label: (r.audio.rpartition("/")[2], r.video.rpartition("/")[2], r.end) for r in rows}
    assert {(r.speaker, r.gender) for r in rows} == {("Actor_01", "M")}
    film_only = "01-01-04-01-01-01-01.mp4"
    assert media == {
        "03": ("03-01-03-01-01-01-01.flac", "02-01-03-01-01-01-01.mp4", 0.75),
        "04": (film_only, film_only, pytest.approx(0.5, abs=0.05)),
        "05": ("", "02-01-05-01-01-01-01.mp4", pytest.approx(0.5, abs=0.05)),
    }


def test_a_nested_copy_of_the_corpus_is_ignored(root):
    for folder in ("", "audio_speech_actors_01-24/"):
        sound(root / f"{folder}Actor_01/03-01-03-01-01-01-01.wav")
    rows, problems = read(root)
    assert problems == []
    assert [r.audio for r in rows] == ["Actor_01/03-01-03-01-01-01-01.wav"]


def test_songs_and_other_files_are_ignored(root):
    sound(root / "Actor_01/03-01-03-01-01-01-01.wav")
    sound(root / "Actor_01/03-02-03-01-01-01-01.wav")
    (root / "Actor_01/._03-01-04-01-01-01-01.wav").write_bytes(bytes.fromhex("00051607"))
    (root / "README.md").write_text("about")
    rows, problems = read(root)
    assert problems == [] and len(rows) == 1


def test_an_unreadable_recording_is_dropped_unless_there_is_a_film(root):
    for name in ("03-01-03-01-01-01-01.wav", "03-01-04-01-01-01-01.wav", "03-01-05-01-01-01-01.flac"):
        sound(root / f"Actor_01/{name}")
    (root / "Actor_01/03-01-03-01-01-01-01.wav").write_bytes(b"")
    (root / "Actor_01/03-01-04-01-01-01-01.wav").write_bytes(b"not sound at all")
    film(root / "Actor_01/02-01-04-01-01-01-01.mp4")
    (root / "Actor_01/01-01-05-01-01-01-01.mp4").write_bytes(b"not a film")
    rows, problems = read(root)
    assert {r.label: (bool(r.audio), bool(r.video)) for r in rows} == {"04": (False, True), "05": (True, False)}
    assert {p.utterance[3:5]: p.dropped for p in problems} == {"03": True, "04": False, "05": False}
    assert {p.reason for p in problems} == {"unreadable"}
    assert all(p.detail for p in problems) and not any(root.parent.name in p.detail for p in problems)


def test_a_recording_without_samples_is_unreadable(root):
    sound(root / "Actor_01/03-01-03-01-01-01-01.wav", 0)
    rows, problems = read(root)
    assert rows == [] and [p.reason for p in problems] == ["unreadable"]


def test_the_duration_of_a_flac_without_a_length_comes_from_its_samples(root):
    source = ["-f", "lavfi", "-i", "sine=duration=1.25:sample_rate=16000"]
    data = subprocess.run(["ffmpeg", "-v", "error", *source, "-f", "flac", "-"], capture_output=True, check=True).stdout
    path = root / "Actor_01/03-01-03-01-01-01-01.flac"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    rows, problems = read(root)
    assert problems == [] and [r.end for r in rows] == [1.25]


def test_false_headers_are_reported(root):
    """2^36 - 1 samples in a short FLAC, a rate of 1 Hz, and films whose index is truncated or damaged."""
    names = [f"03-01-0{k}-01-01-01-01.flac" for k in (3, 4)] + [f"01-01-0{k}-01-01-01-01.mp4" for k in (5, 6)]
    for name in names:
        film(root / f"Actor_01/{name}") if name.endswith("mp4") else sound(root / f"Actor_01/{name}")
    samples, rate, truncated, damaged = (root / f"Actor_01/{name}" for name in names)
    fields = int.from_bytes(samples.read_bytes()[18:26])
    for path, false in ((samples, fields | (2**36 - 1)), (rate, fields & ~(0xFFFFF << 44) | 1 << 44)):
        path.write_bytes(path.read_bytes()[:18] + false.to_bytes(8) + path.read_bytes()[26:])
    truncated.write_bytes(truncated.read_bytes()[:-200])
    damaged.write_bytes(damaged.read_bytes().replace(b"mdhd", b"mdhx").replace(b"stsd", b"\xff\xff\xff\xff"))
    rows, problems = read(root)
    assert rows == [] and len(problems) == 4
    assert all(p.reason == "unreadable" and p.dropped and p.detail for p in problems)


def test_unknown_names_and_labels_are_reported(root):
    for name in ("03-01-03-01-01-01.wav", "03-01-03-01-07-01-01.wav", "03-01-09-01-01-01-01.wav"):
        sound(root / f"Actor_01/{name}")
    sound(root / "Actor_02/03-01-03-01-01-01-02.wav")
    rows, problems = read(root)
    assert [r.speaker for r in rows] == ["Actor_02"]
    assert Counter(p.reason for p in problems) == {"bad line": 2, "bad label": 1}
    assert all(p.dropped for p in problems)


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("Actor_01/03-01-03-01-01-01-01.wav", 0),
        ("audio_speech_actors_01-24/Actor_24/03-01-03-01-01-01-24.flac", 11),
        ("02-01-03-01-01-01-03.MP4", 1),
        ("Actor_05/scrambled.wav", 2),
        ("Actor_05/03-02-03-01-01-01-05.wav", None),
        ("Actor_05/._03-01-03-01-01-01-05.wav", None),
        ("scrambled.wav", None),
        ("Actor_05/notes.txt", None),
    ],
)
def test_the_group_of_a_file_is_the_pair_of_its_actor(path, number):
    assert ravdess.group(path) == number


def clips(actors: int) -> list[manifest.Utterance]:
    return [
        utterance(f"{actor}-{label}-{k}", speaker=f"Actor_{actor:02d}", label=label)
        for actor in range(1, actors + 1)
        for label, n in ravdess.PER_CLASS.items()
        for k in range(n)
    ]


@pytest.mark.parametrize("actors", [18, 24])
def test_counts_are_compared_for_the_actors_that_exist(actors):
    rows = clips(actors)
    assert len(rows) == 60 * actors
    assert ravdess.expected(rows) == []
    details = " ".join(p.detail for p in ravdess.expected(rows[1:]))
    assert "Actor_01: 59" in details and f"neutral (01): {4 * actors - 1}" in details and str(60 * actors) in details
    rows[0] = replace(rows[0], label="08")
    assert len(ravdess.expected(rows)) == 2


def test_the_real_corpus(ravdess):
    from emospace.corpora import ravdess as reader

    rows, problems = reader.index(ravdess, [path for path, _ in walk(str(ravdess))])
    rows, unusable = manifest.check(rows)
    assert problems == unusable == [] and reader.expected(rows) == []
    assert len(rows) == 1080 and len({r.speaker for r in rows}) == 18
    assert Counter(r.label for r in rows) == {code: 18 * n for code, n in reader.PER_CLASS.items()}
    assert Counter(r.gender for r in rows) == {"F": 540, "M": 540}
    assert 2.5 < min(r.end for r in rows) < max(r.end for r in rows) < 5.5
