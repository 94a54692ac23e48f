"""Databases in audformat layout: tables of files and segments, schemes and misc tables; pickles are never loaded."""

import numpy as np
import pytest
import soundfile
import yaml

from emospace.core.errors import InputError
from emospace.core.files_below import walk
from emospace.corpora import audformat as reader

audformat = pytest.importorskip("audformat", reason="an extra: requirements-extra.txt")

RATE = 8000
FILES = [f"wav/{speaker}{k}.wav" for speaker in "abc" for k in range(2)]
HEADER = {
    "name": "mine",
    "source": "https://example.org",
    "usage": "research",
    "languages": ["deu"],
    "license": "CC0-1.0",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Media and a database object: emotions of files, speakers in another table, their genders in a misc table."""
    import pandas as pd

    root = tmp_path_factory.mktemp("audformat")
    (root / "wav").mkdir()
    for file in FILES:
        soundfile.write(root / file, np.random.default_rng(1).normal(size=RATE) / 10, RATE)
    db = audformat.Database(**HEADER)
    db["speaker"] = audformat.MiscTable(pd.Index(list("abc"), name="speaker", dtype="string"))
    db["speaker"]["gender"] = audformat.Column()
    db["speaker"]["gender"].set(["female", "male", "other"])
    db.schemes["speaker"] = audformat.Scheme("str", labels="speaker")
    db.schemes["emotion"] = audformat.Scheme("str", labels=["anger", "neutral"])
    db.splits["test"] = audformat.Split("test")
    db["emotion"] = audformat.Table(audformat.filewise_index(FILES), split_id="test")
    db["emotion"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["emotion"]["emotion"].set(["anger", "neutral"] * 3)
    db["files"] = audformat.Table(audformat.filewise_index(FILES))
    db["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    db["files"]["speaker"].set([file[4] for file in FILES])
    index = audformat.segmented_index([FILES[0], FILES[0]], ["0s", "0.5s"], ["0.5s", pd.NaT])
    db["pieces"] = audformat.Table(index)
    db["pieces"]["feeling"] = audformat.Column(scheme_id="emotion")
    db["pieces"]["feeling"].set(["anger", "neutral"])
    return root, db


@pytest.fixture
def saved(built, tmp_path):
    """Save the database in a storage format, in a folder with links to its media."""

    def write(storage_format: str):
        root, db = built
        (tmp_path / "wav").symlink_to(root / "wav")
        db.save(str(tmp_path), storage_format=storage_format)
        return tmp_path

    return write


def index(root, parts=1, **options):
    """Rows and problems of all parts."""
    group, files, results = reader.grouping(root, **options), [path for path, _ in walk(str(root))], []
    for part in range(parts):
        own = [f for f in files if (g := group(f)) is not None and (g < 0 or g % parts == part)]
        results.append(reader.index(root, own, part=part, parts=parts, **options))
    return [rows for rows, _ in results], [problem for _, problems in results for problem in problems]


@pytest.mark.parametrize("storage_format", ["csv", "parquet"])
def test_files_speakers_and_fields_of_speakers_become_rows(saved, storage_format):
    root = saved(storage_format)
    parts, problems = index(root, parts=3)
    assert problems == [] and [{r.speaker for r in rows} for rows in parts] == [{"a"}, {"b"}, {"c"}]
    rows = [r for part in parts for r in part]
    assert [r.audio for r in rows] == FILES and [r.label for r in rows] == ["anger", "neutral"] * 3
    assert [r.gender for r in rows] == ["F", "F", "M", "M", "", ""]
    assert {(r.split, r.language, r.whole, r.end) for r in rows} == {("test", "de", True, 1.0)}
    about = reader.about(root)
    assert (about["licence"], about["citation"], about["codes"]) == ("CC0-1.0", HEADER["source"], CODES)
    assert set(
        map(reader.grouping(root), [f"db.emotion.{storage_format}", "db.yaml", f"db.speaker.{storage_format}"])
    ) == {-1}


CODES = {"anger": "anger", "neutral": "neutral"}


def test_segments_are_intervals_of_their_file(saved):
    (rows,), problems = index(saved("csv"), columns={"label": "feeling"})
    assert problems == [] and [(r.start, r.end, r.whole, r.speaker) for r in rows] == [
        (0.0, 0.5, False, "a"),
        (0.5, 1.0, False, "a"),
    ]
    assert {r.dialogue for r in rows} == {"wav_a0.wav"} and len({r.utterance for r in rows}) == 2


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was loaded')",))


def test_a_pickle_is_never_loaded_and_a_table_that_is_only_a_pickle_is_rejected(saved):
    import pickle

    root = saved("csv")
    (root / "db.emotion.pkl").write_bytes(pickle.dumps(Bomb()))
    assert len(index(root)[0][0]) == 6
    (root / "db.emotion.csv").unlink()
    with pytest.raises(
        InputError, match=r"db.emotion.pkl: the only file of the table is a pickle.*not loaded. .*save the"
    ):
        reader.grouping(root)
    (root / "db.emotion.pkl").unlink()
    with pytest.raises(InputError, match=r"db.emotion.csv: the header lists this table, but it has no file"):
        reader.grouping(root)


def test_a_header_that_would_run_code_is_rejected(saved):
    root = saved("csv")
    with open(root / "db.yaml", "a", encoding="utf-8") as handle:
        handle.write("meta: !!python/object/apply:builtins.exec [\"raise SystemExit('it ran')\"]\n")
    with pytest.raises(InputError, match=r"db.yaml: it is not plain YAML \(ConstructorError"):
        reader.grouping(root)
    (root / "db.yaml").write_text(yaml.safe_dump({"a": 1, "b": 2}), encoding="utf-8")
    with pytest.raises(InputError, match=r"db.yaml: it is not an audformat header"):
        reader.grouping(root)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"columns": {"label": "emotoin"}}, r"no table has a column 'emotoin'. set .*did you mean 'emotion'"),
        ({"tables": ["emotoin"]}, "it has no table 'emotoin'. did you mean 'emotion'"),
        ({"tables": ["files"]}, "the table 'files' has no column 'emotion'"),
    ],
)
def test_unknown_tables_and_columns_are_rejected_with_a_suggestion(saved, options, message):
    with pytest.raises(InputError, match=message):
        reader.grouping(saved("csv"), **options)


def test_an_unreadable_table_is_named(saved):
    root = saved("parquet")
    (root / "db.files.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"db.files.parquet: it cannot be read"):
        reader.grouping(root)
