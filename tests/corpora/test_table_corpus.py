"""Table corpora: the meaning of columns, the assignment of lines to parts, and the problems of faulty lines.

Covers: corpora/_csv, corpora/_entries, corpora/_rows, corpora/table.
"""

import csv

import numpy as np
import pytest
import soundfile

from emospace.core import plugin
from emospace.core.contracts import EVERY
from emospace.core.errors import InputError
from emospace.core.files_below import walk
from emospace.corpora import table

RATE = 8000


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Six recordings of a second each by three speakers, and one file that is not a recording."""
    root = tmp_path_factory.mktemp("table corpus")
    for k in range(6):
        path = root / f"s{k % 3}" / f"{k}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.random.default_rng(k).normal(size=RATE) / 10, RATE)
    (root / "s0/bad.wav").write_bytes(b"no sound")
    return root


@pytest.fixture
def corpus(recordings, tmp_path):
    """Write a table beside links to the recordings; return rows and problems of all parts."""

    def indexed(lines, parts=1, name="labels.csv", separator=",", **options):
        for folder in recordings.iterdir():
            if not (tmp_path / folder.name).exists():
                (tmp_path / folder.name).symlink_to(folder)
        if lines:
            columns = list(dict.fromkeys(key for line in lines for key in line))
            (tmp_path / name).parent.mkdir(exist_ok=True)
            with open(tmp_path / name, "w", encoding=options.get("encoding", "utf-8"), newline="") as handle:
                writer = csv.DictWriter(handle, columns, delimiter=separator)
                writer.writeheader()
                writer.writerows(lines)
        files = sorted(path for path, _ in walk(str(tmp_path)))
        group = table.grouping(tmp_path, **options)
        results = [
            table.index(
                tmp_path,
                [f for f in files if group(f) == EVERY or (group(f) is not None and group(f) % parts == part)],
                part=part,
                parts=parts,
                **options,
            )
            for part in range(parts)
        ]
        return [rows for rows, _ in results], [problem for _, problems in results for problem in problems]

    return indexed


def line(number: int = 0, **cells) -> dict:
    return {"path": f"s{number % 3}/{number}.wav", "speaker": f"s{number % 3}", "label": "ab"[number % 2]} | cells


def message_of(problem) -> str:
    return f"{problem.file}: {problem.reason}: {problem.detail}. {problem.remedy}"


def test_three_columns_suffice(corpus):
    (rows,), problems = corpus([line(k) for k in range(6)])
    assert problems == [] and [r.utterance for r in rows][:2] == ["s0_0", "s1_1"]
    assert {(r.start, r.end, r.whole, r.gender, r.session == r.speaker) for r in rows} == {(0.0, 1.0, True, "", True)}


def test_every_column_is_read(corpus):
    cells = {"utterance": "u", "start": "0.25", "end": "0.75", "text": "so, so", "gender": "w", "session": "S"}
    cells |= {"dialogue": "D", "split": "validation", "valence": "5", "arousal": "1", "dominance": "2.5"}
    cells |= {"intensity": "strong", "votes": "a:2 b:1", "scripted": "yes"}
    ((row,),), problems = corpus([line(3, **cells)], genders={"w": "F"}, scale=(1, 5), language="pl")
    assert problems == [] and (row.utterance, row.start, row.end, row.whole) == ("u", 0.25, 0.75, False)
    assert (row.text, row.gender, row.session, row.dialogue, row.split) == ("so, so", "F", "S", "D", "dev")
    assert (row.valence, row.arousal, row.dominance) == (5, 1, 2.5) and row.scripted and row.language == "pl"
    assert (row.intensity, row.votes, row.audio) == ("strong", "a:2 b:1", "s0/3.wav")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_columns_can_be_renamed_and_paths_are_relative_to_the_table(corpus, separator):
    lines = [{"Datei": f"..\\s{k % 3}\\{k}.wav", "wer": f"s{k % 3}", "Gefühl": "ä"} for k in range(3)]
    options = {"table": "meta/t.csv", "columns": {"path": "Datei", "speaker": "wer", "label": "Gefühl"}}
    (rows,), problems = corpus(lines, encoding="cp1252", name="meta/t.csv", separator=separator, **options)
    assert problems == [] and [r.audio for r in rows] == ["s0/0.wav", "s1/1.wav", "s2/2.wav"]
    assert {r.label for r in rows} == {"ä"}


def test_intervals_of_one_recording_get_their_own_ids_and_share_a_dialogue(corpus):
    (rows,), problems = corpus([line(0, start=s, end=s + 0.5) for s in (0.0, 0.5)])
    assert problems == [] and [r.utterance for r in rows] == ["s0_0_0.0", "s0_0_0.5"]
    assert {r.dialogue for r in rows} == {"s0_0.wav"}


def test_parts_split_no_speaker_session_shared_recording_or_dialogue(corpus):
    lines = [line(k) for k in range(6)]
    parts, _ = corpus(lines, parts=3)
    assert [{r.speaker for r in rows} for rows in parts] == [{"s0"}, {"s1"}, {"s2"}]
    lines[0]["dialogue"] = lines[1]["dialogue"] = "together"
    parts, _ = corpus(lines, parts=2)
    assert [{r.speaker for r in rows} for rows in parts] == [{"s0", "s1"}, {"s2"}]
    lines = [line(0), line(1), line(2), line(1, speaker="s2", utterance="other")]
    parts, _ = corpus(lines, parts=2)
    assert [{r.speaker for r in rows} for rows in parts] == [{"s0"}, {"s1", "s2"}]
    lines = [line(k) | {"session": "one" if k % 3 else "two"} for k in range(6)]
    parts, _ = corpus(lines, parts=2, deal="session")
    assert [{r.speaker for r in rows} for rows in parts] == [{"s1", "s2"}, {"s0"}]


BAD_LINES = {
    "outside": ({"path": "../elsewhere.wav"}, "bad line: line 3: path '../elsewhere.wav' is outside", True),
    "absolute": ({"path": "C:\\a.wav"}, "is outside the corpus folder", True),
    "absent": (
        {"path": "s0/9.wav"},
        "s0/9.wav: missing file: labels.csv, line 3: no such file. correct the path",
        True,
    ),
    "capitals": ({"path": "S0/3.WAV"}, "write 's0/3.wav', as the file is called", True),
    "no sound": ({"path": "s0/bad.wav"}, "s0/bad.wav: unreadable: labels.csv, line 3: not a sound file", True),
    "same id": ({"path": "s0/0.wav"}, "duplicate id: line 3: line 2 already has the id 's0_0'", True),
    "unknown class": ({"label": "c"}, "bad label: line 3: unknown label 'c'. known: a, b; or add it to `codes`", True),
    "no class": ({"label": ""}, "no label: line 3", True),
    "no speaker": ({"speaker": " "}, "bad line: line 3: its speaker is empty", True),
    "backwards": ({"start": "0.8", "end": "0.2"}, "empty interval: line 3: start 0.8 s, end 0.2 s", True),
    "negative": ({"start": "-0.5", "end": "0.2"}, "bad times: line 3: start -0.5 s, end 0.2 s: a time is neg", True),
    "comma": ({"start": "0,1", "end": "0.2"}, "bad times: line 3: start is '0,1'. write a number with a dec", True),
    "nan": ({"start": "nan", "end": "0.2"}, "bad times: line 3: start is 'nan'", True),
    "scale": ({"valence": "6"}, "bad rating: line 3: valence is 6, the scale is 1 to 5. correct it", False),
    "word": ({"arousal": "high"}, "bad rating: line 3: arousal is 'high'", False),
    "gender": ({"gender": "w"}, "bad gender: line 3: gender is 'w'. write one of f, female, m, male, or give", False),
    "side": ({"split": "eval"}, "bad line: line 3: split is 'eval'. write one of train,", False),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_a_problem_with_its_number_and_a_remedy(corpus, case):
    cells, message, dropped = BAD_LINES[case]
    lines, options = [line(0), line(3, **cells), line(1)], {"codes": {"a": "anger", "b": "boredom"}, "scale": (1, 5)}
    (rows,), problems = corpus(lines, **options)
    assert len(problems) == 1 and message in message_of(problems[0]) and problems[0].dropped == dropped
    assert [r.audio for r in rows] == ["s0/0.wav"] + ["s0/3.wav"] * (not dropped) + ["s1/1.wav"]


def test_a_line_with_missing_cells_is_a_problem_and_an_empty_line_is_not(corpus, tmp_path):
    corpus([line(0)])
    with open(tmp_path / "labels.csv", "a", encoding="utf-8") as handle:
        handle.write("\ns1/1.wav,s1\ns1/1.wav,s1,b\n")
    (rows,), problems = corpus([])
    assert len(rows) == 2 and [p.detail for p in problems] == ["line 4 has 2 cells, the header has 3"]


@pytest.mark.parametrize(
    "content, message",
    [
        (
            b"path,spaeker,label\n",
            "line 1: it has no column 'speaker'; its columns are path, spaeker, label. rename a "
            "column, or set `options: {columns: {speaker: spaeker}}`",
        ),
        (b"path,label,label,speaker\n", "line 1: two columns are named 'label'"),
        (b"path,speaker,label\n", "it has no valid line"),
        (b"path,speaker,label\na,b,c\xe9\n", "line 2: byte 0xe9 is not utf-8. save it as CSV in UTF-8, or set"),
        (
            b"path,speaker,label\na,b,\xc3\xa9\na,b,c\xe9\n",
            "line 3: byte 0xe9 is not utf-8, but line 2 is: it mixes two",
        ),
        (b'path,speaker,label\na,b,"c\n', "line 2: unexpected end of data"),
        ("path,speaker,label\na,b,c\n".encode("utf-16"), "line 1: byte 0xff is not utf-8"),
    ],
)
def test_an_unreadable_table_is_rejected_with_file_and_line(tmp_path, content, message):
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(InputError) as caught:
        table.grouping(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "labels.csv")) and message in str(caught.value)


def test_several_tables_need_an_option_and_an_empty_folder_is_a_missing_corpus(tmp_path):
    assert table.grouping(tmp_path)("x.wav") is None and "codes" not in table.about(tmp_path / "nowhere")
    for name in ("a.csv", "b.tsv"):
        (tmp_path / name).write_text("path,speaker,label\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"it contains several tables: a.csv, b.tsv. set `options: \{table"):
        table.grouping(tmp_path)
    with pytest.raises(InputError, match=r"c.csv: the table does not exist. set `options: \{table"):
        table.grouping(tmp_path, table="c.csv")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"columns": {"lable": "x"}}, "unknown column 'lable'. did you mean 'label'?"),
        ({"scale": [5, 1]}, "it is 5 to 1"),
        ({"scale": [1]}, "at least 2 item"),
        ({"genders": {"w": "W"}}, "genders: it is"),
        ({"colums": {}}, "did you mean 'columns'?"),
    ],
)
def test_options_are_checked_when_planned(options, message):
    with pytest.raises(InputError, match="config: corpora: mine: options") as caught:
        plugin.check_options("corpora", "table", "index", options, "config: corpora: mine: options")
    assert message in str(caught.value)


def test_codes_come_from_the_config_or_else_from_the_labels_of_the_table(corpus, tmp_path):
    corpus([line(k) for k in range(6)])
    assert table.about(tmp_path)["codes"] == {"a": "a", "b": "b"}
    facts = table.about(tmp_path, codes={"a": "anger"}, licence="CC0-1.0", public=True)
    assert (facts["codes"], facts["licence"], facts["public"]) == ({"a": "anger"}, "CC0-1.0", True)
