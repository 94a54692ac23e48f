"""Readers of acted corpora parse the publishers' file names, form groups and compare the published counts.

Covers: corpora/cremad, corpora/emodb, corpora/savee, corpora/tess.
"""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import utterance

from emospace.core import plugin
from emospace.core.contracts import EVERY
from emospace.core.errors import InputError
from emospace.corpora import _acted, cremad, emodb, savee, tess
from emospace.protocols.dividing import divide


def emodb_files() -> list[str]:
    """535 names with the true count per emotion, spread over speakers, sentences and versions."""
    free = list(product("ab", emodb.GENDERS, emodb.SENTENCES))
    return [f"wav/{s}{t}{code}{v}.wav" for code, n in emodb.COUNTS.items() for v, s, t in free[:n]]


def cremad_files() -> list[str]:
    """7,442 names: each sentence once per emotion and actor, and more levels of the first sentence."""
    files = []
    for code, n in cremad.COUNTS.items():
        actors = range(1001, 1092)
        free = [(a, t, "XX") for a, t in product(actors, cremad.SENTENCES)] + [(a, "IEO", "HI") for a in actors]
        free += [(a, "IEO", "LO") for a in actors] + [(a, "IEO", "MD") for a in actors]
        files += [f"AudioWAV/{a}_{t}_{code}_{level}.wav" for a, t, level in free[:n]]
    return files


def tess_files() -> list[str]:
    words = [f"w{chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(200)]
    return [f"{s}_{code}/{s}_{word}_{code}.wav" for s in tess.SPEAKERS for code in tess.CODES for word in words]


def savee_files() -> list[str]:
    return [
        f"AudioData/{s}/{code}{k:02d}.wav"
        for s in savee.SPEAKERS
        for code in savee.CODES
        for k in range(1, 31 if code == "n" else 16)
    ]


CORPORA = {"emodb": (emodb, emodb_files, 535), "cremad": (cremad, cremad_files, 7442)}
CORPORA |= {"tess": (tess, tess_files, 2800), "savee": (savee, savee_files, 480)}


@pytest.mark.parametrize("name", CORPORA)
def test_a_complete_corpus_has_the_published_counts(name, tmp_path, monkeypatch):
    monkeypatch.setattr(_acted, "lengths", lambda root, paths: dict.fromkeys(paths, 2.0))
    reader, names, size = CORPORA[name]
    files = names()
    assert len(set(files)) == size and plugin.find("corpora", name) is reader
    rows, problems = reader.index(tmp_path, files)
    assert problems == [] and len(rows) == size
    assert [p for p in reader.expected(rows) if p.reason == "count"] == []
    details = [p.detail for p in reader.expected(rows[1:])]
    assert any(f"{size - 1} clips, the publication has {size}" in detail for detail in details)
    assert [p for p in reader.expected(rows[1:], expect_counts=False) if p.reason == "count"] == []


@pytest.mark.parametrize("name", CORPORA)
def test_a_group_is_a_speaker_and_other_files_have_none(name, tmp_path, monkeypatch):
    monkeypatch.setattr(_acted, "lengths", lambda root, paths: dict.fromkeys(paths, 2.0))
    reader, names, _ = CORPORA[name]
    files = names()
    rows, _ = reader.index(tmp_path, files)
    pairs = {(reader.group(row.audio), row.speaker) for row in rows}
    assert len(pairs) == len({s for _, s in pairs}) == len({g for g, _ in pairs})
    assert all(reader.group(path) is None for path in ("readme.txt", "wav/x.wav", files[0].replace(".wav", ".mp3")))


@pytest.fixture
def clip(tmp_path):
    """Write a file of this content, by default a second of noise."""

    def write(path: str, content: bytes = b"") -> str:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if content:
            (tmp_path / path).write_bytes(content)
        else:
            soundfile.write(tmp_path / path, np.random.default_rng(1).normal(size=8000) / 10, 8000)
        return path

    return write


def test_emodb_parses_its_names(clip, tmp_path):
    files = [clip("wav/08b02Tb.wav"), clip("wav/03a01Xa.wav"), clip("wav/03a01Wa.wav", b"no sound")]
    (row,), problems = emodb.index(tmp_path, files)
    assert (row.speaker, row.gender, row.label, row.language, row.end) == ("08", "F", "T", "de", 1.0)
    assert row.text.startswith("Sie haben") and {p.reason: p.dropped for p in problems} == {
        "bad label": True,
        "unreadable": True,
    }


def test_cremad_reads_the_sex_from_its_table_and_prefers_recordings_to_films(clip, tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    files = [clip("AudioWAV/1002_DFA_ANG_HI.wav"), clip("VideoFlash/1002_DFA_ANG_HI.flv", pointer)]
    files += [clip("AudioWAV/1040_ITH_SAD_X.wav"), clip("VideoDemographics.csv", b"ActorID,Age,Sex\n1002,21,Female\n")]
    rows, problems = cremad.index(tmp_path, files)
    assert cremad.group("VideoDemographics.csv") == EVERY and cremad.group("AudioMP3/1002_DFA_ANG_HI.mp3") is None
    first, second = rows
    assert (first.gender, first.intensity, first.text, first.video) == ("F", "high", "Don't forget a jacket.", "")
    assert (second.label, second.gender) == ("SAD", "") and [(p.file, p.dropped) for p in problems] == [
        (files[1], False)
    ]


def test_tess_handles_its_misnamed_file_its_nested_copy_and_its_names_of_surprise(clip, tmp_path):
    files = [clip("TESS/OAF_neutral/OA_bite_neutral.wav"), clip("TESS/YAF_x/YAF_dog_pleasant_surprised.wav")]
    files += [clip("TESS/TESS/YAF_x/YAF_dog_ps.wav")]
    rows, problems = tess.index(tmp_path, files)
    assert problems == [] and [(r.utterance, r.label, r.audio) for r in rows] == [
        ("OAF_bite_neutral", "neutral", files[0]),
        ("YAF_dog_ps", "ps", files[1]),
    ]
    assert {r.text for r in rows} == {"Say the word bite.", "Say the word dog."}


def test_tess_is_a_corpus_to_test_on_and_too_small_to_be_split(tmp_path, monkeypatch):
    monkeypatch.setattr(_acted, "lengths", lambda root, paths: dict.fromkeys(paths, 2.0))
    rows, _ = tess.index(tmp_path, tess_files())
    both = {"tess": [replace(row, part="0") for row in rows], "other": [utterance(f"o{k}_{k}") for k in range(3)]}
    both["other"] = [replace(r, speaker=f"s{k}", label=["sad", "ang"][k % 2]) for k, r in enumerate(both["other"])]
    recipe = {"train": ["other"], "split": "actors", "folds": 3, "rows": {}, "options": {}, "files": {}, "seed": 1}
    maps = {"tess": {"sad": "sad", "angry": "ang"}, "other": {"sad": "sad", "ang": "ang"}}
    recipe |= {"labels": {name: {"name": name, "map": codes} for name, codes in maps.items()}, "leaky": False}
    recipe |= {"corpora": dict.fromkeys(both), "sides": ["train", "dev", "test"]}
    tables = [list(lines) for lines in divide(both, recipe, [Path("tess.csv"), Path("other.csv")]).tables()]
    tested = [line for line in tables[0] if line["split"] == "test"]
    assert len(tested) == 800 and {line["corpus"] for line in tested} == {"tess"} and "test" in tess.NOTE
    alone = {key: value for key, value in recipe.items() if key != "train"} | {"corpora": {"tess": None}}
    with pytest.raises(InputError, match="2 actors cannot make 3 folds"):
        divide({"tess": both["tess"]}, alone, [Path("tess.csv")])


def test_savee_is_read_from_one_folder_per_speaker_or_one_for_all(clip, tmp_path):
    files = [clip("AudioData/JK/sa07.wav"), clip("ALL/DC_n30.wav")]
    rows, problems = savee.index(tmp_path, files)
    assert problems == [] and [(r.utterance, r.speaker, r.label, r.gender) for r in rows] == [
        ("DC_n30", "DC", "n", "M"),
        ("JK_sa07", "JK", "sa", "M"),
    ]
