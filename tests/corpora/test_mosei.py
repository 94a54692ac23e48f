"""CMU-MOSEI: label file, folds, transcripts and media in the layout of the release."""

import numpy as np
import pytest

from emospace.core import manifest
from emospace.core.contracts import EVERY
from emospace.core.files_below import walk
from emospace.corpora import mosei

h5py = pytest.importorskip("h5py", reason="an extra: requirements-extra.txt")

FIRST, SECOND = "-UacrmKiTn4", "224599"
LABELS = {
    FIRST: [
        (0.0, 8.025, [1.0, 2.0, 0, 0, 0, 0, 0.333]),
        (7.814, 13.882, [-3.0, 0, 1.0, 1.0, 0, 0, 0]),
        (13.531, 20.756, [0.0, 0, 0, 0, 0, 0, 0]),
    ],
    SECOND: [(-0.458, 2.5, [-1.0, 0, 0, 0, 0, 0.667, 0])],
}


def write_labels(path, labels) -> None:
    with h5py.File(path, "w") as file:
        for video, segments in labels.items():
            home = file.create_group(f"All Labels/data/{video}")
            home["intervals"] = np.array([segment[:2] for segment in segments])
            home["features"] = np.array([segment[2] for segment in segments], np.float32)


@pytest.fixture
def release(tmp_path):
    """The label file, the folds, and the media of both videos."""
    write_labels(tmp_path / mosei.LABELS, LABELS)
    folds = f"standard_train_fold=['{FIRST}', 'x']\n\nstandard_test_fold=['{SECOND}']\n\nstandard_valid_fold=[]\n"
    (tmp_path / mosei.FOLDS).write_text(folds + "raise SystemExit('it ran')\n", encoding="utf-8")
    for video in LABELS:
        for path in (f"Audio/Full/WAV_16000/{video}.wav", f"Videos/Full/Combined/{video}.mp4"):
            (tmp_path / "Raw" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "Raw" / path).touch()
    text = tmp_path / f"Raw/Transcript/Segmented/Combined/{FIRST}.txt"
    text.parent.mkdir(parents=True)
    lines = f"{FIRST}___0___0.0___8.0250001___So ___ good.\nnothing\n{FIRST}___1___7.814___13.882___caf\xe9 \n"
    text.write_bytes(lines.encode("cp1252"))
    return tmp_path


def read(root, parts=1, **options):
    files, rows, problems = [path for path, _ in walk(str(root))], [], set()
    for part in range(parts):
        own = [f for f in files if (g := mosei.group(f)) is not None and (g == EVERY or g % parts == part)]
        more, faults = mosei.index(root, own, part=part, parts=parts, **options)
        rows += more
        problems |= set(faults)
    return rows, problems


def test_segments_become_rows_with_their_strongest_emotion_sentiment_side_and_text(release):
    rows, problems = read(release)
    assert [(r.utterance, r.label, r.valence, r.split, r.text) for r in rows] == [
        (f"{FIRST}_0", "happy", 1.0, "train", "So ___ good."),
        (f"{FIRST}_1", "mixed", -3.0, "train", "caf\xe9"),
        (f"{FIRST}_2", "none", 0.0, "train", ""),
        (f"{SECOND}_0", "disgust", -1.0, "test", ""),
    ]
    assert (rows[0].start, rows[0].end, rows[0].whole, rows[0].speaker) == (0.0, 8.025, False, FIRST)
    assert rows[0].audio == f"Raw/Audio/Full/WAV_16000/{FIRST}.wav" and rows[0].video.endswith(f"/{FIRST}.mp4")
    assert [(p.file, p.detail, p.dropped) for p in problems] == [(SECOND, "it has no text", False)]
    assert (rows[3].start, rows[3].end) == (0.0, 2.5)  # it begins before its video
    assert manifest.check(rows) == (sorted(rows, key=lambda row: row.utterance), [])


def test_a_part_has_whole_videos_and_every_part_reads_the_labels(release):
    whole, _ = read(release)
    split, problems = read(release, parts=2)
    assert not any(p.dropped for p in problems)  # a part says nothing of the videos of others
    assert sorted(r.utterance for r in split) == sorted(r.utterance for r in whole)
    paths = [
        mosei.LABELS,
        f"a/{mosei.FOLDS}",
        "Raw/Videos/Segmented/Combined/x_1.mp4",
        "Raw/Videos/Full/Combined/._x.mp4",
    ]
    assert [mosei.group(path) for path in paths] == [EVERY, EVERY, None, None]


def test_counts_are_compared_with_those_of_the_label_file(release):
    rows, _ = read(release)
    details = [p.detail for p in mosei.expected(rows)]
    assert details[:2] == ["4 segments, the label file has 23259", "2 videos, the label file has 3293"]
    assert "1 segments in test, the label file has 4662" in details
    assert mosei.expected(rows, expect_counts=False) == []


def test_without_labels_folds_or_media_the_quality_table_says_so(release):
    (release / mosei.FOLDS).unlink()
    for path in list(release.glob(f"Raw/*/Full/*/{SECOND}.*")):
        path.unlink()
    rows, problems = read(release)
    assert {r.split for r in rows} == {""} and {r.dialogue for r in rows} == {FIRST}
    assert (mosei.FOLDS, False) in {(p.file, p.dropped) for p in problems}
    assert {p.detail: p.dropped for p in problems if p.file == SECOND} == {
        "its 1 segments have no media": True,
        **{f"it has no {medium}": False for medium in ("audio", "video", "text")},
    }
    (release / mosei.LABELS).unlink()
    assert [(p.file, p.reason) for p in read(release)[1]] == [(mosei.LABELS, "missing file")]


def test_a_damaged_label_file_is_reported(release):
    (release / mosei.LABELS).write_bytes(b"no HDF5")
    rows, (problem,) = read(release)
    assert rows == [] and problem.reason == "unreadable" and "it is not a label file of CMU-MOSEI" in problem.detail
    with h5py.File(release / mosei.LABELS, "w") as file:
        file["All Labels/data/x/intervals"] = [[0.0, 1.0]]
    assert [p.reason for p in read(release)[1]] == ["unreadable"]


@pytest.mark.parametrize("values", [[1.0, 2.0], [0.0, 4.0, 0, 0, 0, 0, 0], [0.0, float("nan"), 0, 0, 0, 0, 0]])
def test_a_segment_with_other_labels_is_left_out(release, values):
    write_labels(release / mosei.LABELS, LABELS | {SECOND: [(0.0, 1.0, values)]})
    rows, problems = read(release)
    assert {r.dialogue for r in rows} == {FIRST} and [p.utterance for p in problems if p.reason == "bad label"] == [
        f"{SECOND}_0"
    ]
