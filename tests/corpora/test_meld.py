"""MELD: the official split, films, and the traps of its tables and clips.

Covers: corpora/_repaired.
"""

import csv
import io

import _spoilt
import pytest

from emospace.core import plugin
from emospace.core.contracts import EVERY
from emospace.core.files_below import walk
from emospace.corpora import meld

HEADER = ["Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"]
HEADER += ["Season", "Episode", "StartTime", "EndTime"]


def line(dialogue=0, utterance=0, text="Hi.", speaker="Joey", emotion="joy", start="00:16:16,059", end="00:16:18,059"):
    return [1, text, speaker, emotion, "positive", dialogue, utterance, 8, 21, start, end]


def write(root, side: str, lines: list, header=HEADER, encoding="utf-8") -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *lines])
    (root / f"{side}_sent_emo.csv").write_bytes(text.getvalue().encode(encoding))


def read(root, parts=1, **options):
    """Rows and distinct problems of all parts."""
    files, rows, problems = [path for path, _ in walk(str(root))], [], set()
    for part in range(parts):
        own = [f for f in files if (g := meld.group(f)) is not None and (g == EVERY or g % parts == part)]
        more, faults = meld.index(root, own, part=part, parts=parts, **options)
        rows.append(more)
        problems |= set(faults)
    return rows, problems


@pytest.fixture
def tables(tmp_path):
    """Small tables of all sides; the dialogue 0 exists in each."""
    for side in meld.SIDES:
        write(tmp_path, side, [line(0, 0), line(0, 1, speaker="Rachel"), line(1, 0, speaker="Gunther")])
    return tmp_path


def test_complete_tables_have_the_published_counts_and_every_part_its_dialogues(tmp_path):
    for side, counts in meld.COUNTS.items():
        labels = [label for label, n in counts.items() for _ in range(n)]
        speakers = [f"person {k % meld.SPEAKERS[side]}" for k in range(len(labels))]
        pairs = enumerate(zip(labels, speakers, strict=True))
        write(tmp_path, side, [line(k // 9, k % 9, emotion=emotion, speaker=who) for k, (emotion, who) in pairs])
    parts, problems = read(tmp_path, parts=3)
    rows = [row for part in parts for row in part]
    assert len(rows) == 13_708 and len({r.utterance for r in rows}) == 13_708 and meld.expected(rows) == []
    assert {p.reason for p in problems} == {"missing file"} and plugin.find("corpora", "meld") is meld
    dialogues = [{r.dialogue for r in part} for part in parts]
    assert all(dialogues) and len(set.union(*dialogues)) == sum(map(len, dialogues))
    faults = meld.expected([r for r in rows if r.utterance != "test_dia0_utt0"])
    assert [p.detail for p in faults] == ["anger in test: 344, the publication has 345"]
    assert meld.expected([], expect_counts=False) == []


def test_rows_have_the_official_side_and_their_film_is_audio_and_video(tables):
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]
    path = "test/output_repeated_splits_test/dia0_utt1.mp4"
    _spoilt.film(tables / path, "64x48", *codec, sound=True, seconds=1)
    (rows,), problems = read(tables)
    first, second, _ = (row for row in rows if row.split == "test")
    assert (second.utterance, second.split, second.audio, second.video) == ("test_dia0_utt1", "test", path, path)
    assert (second.dialogue, second.session, second.gender) == ("test_dia0", "s08e21", "F")
    assert (second.start, second.whole) == (0.0, True) and 0.9 < second.end < 1.2
    assert (first.audio, first.end, first.text) == ("", 2.0, "Hi.")
    missing = {p.file for p in problems if p.reason == "missing file"}
    folders = {meld.FOLDERS["train"], meld.FOLDERS["dev"]}
    clips = {f"{meld.FOLDERS['test']}/{name}.mp4" for name in ("dia0_utt0", "dia1_utt0")}
    assert missing == folders | clips and not any(p.dropped for p in problems)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_punctuation_is_restored_in_every_encoding_of_the_tables(tables, encoding):
    """Windows-1252 decoded as Latin-1 gives control characters, one of which str.splitlines takes for a line end."""
    text = "He\u2019s lost it\u2026 caf\u00e9\u00a0now"
    cells = text if encoding == "cp1252" else text.encode("cp1252").decode("latin-1")
    write(tables, "dev", [line(0, 0, text=cells), line(0, 1)], encoding=encoding)
    (rows,), problems = read(tables)
    row, _ = (row for row in rows if row.split == "dev")
    assert row.utterance == "dev_dia0_utt0" and row.text == "He\u2019s lost it\u2026 caf\u00e9 now"
    details = [p.detail for p in problems if p.file == "dev_sent_emo.csv"]
    restored = "1 lines contain punctuation of Windows-1252 as control characters; it is restored"
    assert details == ([restored] if encoding == "utf-8" else [])


def test_a_table_in_two_encodings_is_reported_by_line(tables):
    lines = [line(0, 0, text="caf\u00e9"), line(0, 1, text="caf\u00e9")]
    write(tables, "dev", lines)
    file = tables / "dev_sent_emo.csv"
    file.write_bytes(file.read_bytes().replace("\u00e9".encode(), b"\xe9", 1))
    (rows,), problems = read(tables)
    assert [r.text for r in rows if r.split == "dev"] == ["caf\u00e9"] * 2
    assert "line 2 is not UTF-8, as others are; read as Windows-1252" in {p.detail for p in problems}


BAD = {
    "label": (line(0, 1, emotion="happy"), "bad label: line 3: unknown label 'happy'. the labels are anger, disgust"),
    "same": (line(0, 0), "duplicate id: line 3: an earlier line is 'dev_dia0_utt0' too"),
    "number": (line("x", 1), "bad line: line 3: its Dialogue_ID is 'x'. write a number"),
    "speaker": (line(0, 1, speaker=" "), "bad line: line 3: its speaker is empty"),
    "short": ([1, "Hi."], "bad line: line 3: its Dialogue_ID is ''"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_is_left_out_and_reported_once(tables, case):
    cells, message = BAD[case]
    write(tables, "dev", [line(0, 0), cells, line(2, 0)])
    parts, problems = read(tables, parts=2)
    assert sum(r.split == "dev" for part in parts for r in part) == 2
    (problem,) = [p for p in problems if p.dropped]
    assert message in f"{problem.reason}: {problem.detail}. {problem.remedy}"


def test_a_missing_table_or_column_is_reported_and_the_other_sides_are_read(tables):
    (tables / "dev_sent_emo.csv").unlink()
    write(tables, "test", [line()], header=[name.replace("Emotion", "Emo") for name in HEADER])
    (rows,), problems = read(tables)
    assert {r.split for r in rows} == {"train"}
    dropped = {(p.file, p.reason, p.detail) for p in problems if p.dropped}
    assert dropped == {
        ("dev_sent_emo.csv", "missing file", "the rows of this side are missing"),
        ("test_sent_emo.csv", "bad line", "line 1: no column 'Emotion'"),
    }


def test_films_with_known_faults_give_rows_with_text_only(tmp_path, monkeypatch):
    monkeypatch.setattr(meld, "lengths", lambda root, paths: dict.fromkeys(paths, 2.0) | {paths[0]: "no film"})
    for side in meld.SIDES:
        write(tmp_path, side, [line(125, 3), line(126, 0), line(127, 0)])
        for name in ("dia125_utt3", "dia126_utt0", "dia127_utt0"):
            film = tmp_path / meld.FOLDERS[side] / f"{name}.mp4"
            film.parent.mkdir(exist_ok=True)
            film.touch()
    (rows,), problems = read(tmp_path)
    assert {r.utterance for r in rows if not r.video} == {"train_dia125_utt3", "dev_dia125_utt3"}
    assert {(p.utterance, p.reason, p.dropped) for p in problems} == {
        ("train_dia125_utt3", "damaged", False),
        ("dev_dia125_utt3", "unreadable", False),
    }
    (rows,), problems = read(tmp_path, use_faulty=True)
    assert {r.utterance for r in rows if not r.video} == {"dev_dia125_utt3"}


@pytest.mark.parametrize("name", ["final_videos_testdia101_utt0.mp4", "._dia1_utt0.mp4", "dia1_utt0.wav", "x.csv"])
def test_other_files_have_no_group(name):
    assert meld.group(f"test/output_repeated_splits_test/{name}") is None
    assert meld.group(f"elsewhere/{name}") is None


def test_times_of_all_releases_are_read_and_an_empty_interval_is_kept(tables):
    write(tables, "dev", [line(0, 0, start="0:10:44,769", end="0:10:46.269"), line(0, 1, end="00:16:16,059")])
    (rows,), _ = read(tables)
    assert [round(r.end, 3) for r in rows if r.split == "dev"] == [1.5, 0.001]
