"""The plan takes labels, licence and groups of a table corpus from the table, and detects changes of the table.

Covers: corpora/_attributes.
"""

from pathlib import Path

import pytest
from conftest import shipped, utterance

from emospace.core import manifest
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.corpora import table
from emospace.plan.plan import Plan
from emospace.plan.raw_files import HASH_AT_SIGHT, by_part, fingerprint, look
from emospace.plan.sharing import check_sharing
from emospace.protocols.splits import table as split

HEADER = "path,speaker,label,text\n"


@pytest.fixture
def corpus(tmp_path, monkeypatch) -> Path:
    """Two speakers with a file each, three labels; the working directory is the folder above."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "clips"
    root.mkdir()
    lines = [f"{who}.wav,{who},{label},\n" for who in "ab" for label in ("sad", "glad", "calm")]
    (root / "labels.csv").write_text(HEADER + "".join(lines), encoding="utf-8")
    for who in "ab":
        (root / f"{who}.wav").write_bytes(b"x")
    return root


def config(**protocol) -> dict:
    mine = {"reader": "table", "root": "clips", "parts": 2, "options": {"licence": "CC0-1.0"}}
    return shipped("config.yaml") | {
        "corpora": {"mine": mine},
        "views": {"audio": {}},
        "weights": {},
        "features": {"audio.mfcc": {}},
        "labels": {"two": {"sad": "low", "glad": "high"}, "wrong": {"sad": "low", "gald": "high"}},
        "protocols": {"p": {"corpus": "mine", "split": "table"} | protocol},
        "runs": {"probe": {"model": "linear_probe", "protocol": "p", "inputs": ["audio.mfcc"]}},
    }


def test_labels_are_those_of_the_table_unless_the_config_has_a_map(corpus):
    plan = Plan(config())
    own = {label: label for label in ("calm", "glad", "sad")}
    assert plan.labels("p") == {"mine": {"name": "own", "map": own}}
    about = read_json(plan.recipe("merge_manifest", "mine"))["about"]
    assert (about["codes"], about["licence"], about["public"]) == (own, "CC0-1.0", False)
    assert Plan(config(labels="two")).labels("p")["mine"]["map"] == {"sad": "low", "glad": "high"}


def test_a_map_with_an_unknown_label_is_rejected(corpus):
    with pytest.raises(InputError, match=r"map 'wrong' has 'gald', which is not a code of mine. did you mean 'glad'"):
        Plan(config(labels="wrong"))


def test_a_table_with_one_label_is_rejected(corpus):
    (corpus / "labels.csv").write_text(f"{HEADER}a.wav,a,sad,\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"its only label is 'sad'. a protocol needs at least two"):
        Plan(config())


def test_a_broken_table_is_rejected_when_planned(corpus):
    (corpus / "labels.csv").write_text("path,speaker,emotion\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"labels.csv: line 1: it has no column 'label'.*columns: \{label: emotion\}"):
        Plan(config())


def test_a_missing_corpus_has_the_labels_of_its_manifest(corpus):
    before = {key: path.read_bytes() for key, path in Plan(config()).recipes.items()}
    corpus.rename("elsewhere")
    with pytest.raises(InputError, match="its labels are not known: the corpus is not there"):
        Plan(config())
    write_json(Path("data/manifest/mine.json"), {"codes": dict.fromkeys(("calm", "glad", "sad"), "")} | {"rows": 6})
    after = Plan(config()).recipes
    changed = {key for key, path in after.items() if path.read_bytes() != before[key]}
    assert changed <= {("merge_manifest", "mine")}  # which contains the names of codes, invented above


def test_every_part_reads_the_table_and_its_own_media(corpus):
    def files_by_part() -> list[dict]:
        group = table.grouping(corpus)
        return [
            files for _, files, _ in by_part(look(str(corpus), Path("state"), group, {}, {}), ["0", "1"], group, {})
        ]

    first, second = files_by_part()
    assert (set(first), set(second)) == ({"labels.csv", "a.wav"}, {"labels.csv", "b.wav"})
    with open(corpus / "labels.csv", "a", encoding="utf-8") as handle:
        handle.write("a.wav,a,calm,more\n")
    changed = files_by_part()
    assert changed[0]["labels.csv"] != first["labels.csv"] and changed[1]["b.wav"] == second["b.wav"]


def test_the_fingerprint_of_a_table_of_any_size_is_its_hash(tmp_path):
    for name in ("labels.csv", "labels.CSV", "db.parquet"):
        (tmp_path / name).write_bytes(b"x" * (HASH_AT_SIGHT + 1))
        assert not fingerprint(tmp_path / name).startswith("size")


def test_the_manifest_has_a_column_split_only_if_a_row_has_a_side(tmp_path):
    path, rows = tmp_path / "mine.csv", [utterance("a_1"), utterance("a_2")]
    manifest.write(path, rows)
    assert path.read_text(encoding="utf-8").splitlines()[0].endswith(",part") and manifest.read(path) == rows
    rows[1] = utterance("a_2", split="dev")
    manifest.write(path, rows)
    assert path.read_text(encoding="utf-8").splitlines()[0].endswith(",part,split") and manifest.read(path) == rows
    path.write_text(path.read_text(encoding="utf-8").replace("part,split", "part,side"), encoding="utf-8")
    with pytest.raises(InputError, match="'side', which no manifest has"):
        manifest.read(path)


def test_split_table_without_a_file_uses_the_sides_of_the_corpus():
    rows = [utterance("a_1", split="train"), utterance("a_2", split="test"), utterance("a_3")]
    assert split.split(rows, 1, known=()) == [[("train",), ("test",), ()]]
    with pytest.raises(InputError, match="a corpus has one official split"):
        split.check(3, ["train"])
    split.check(1, ["train"])
    with pytest.raises(InputError, match="the corpus assigns no side to any row"):
        split.split([utterance("a_1")], 1, known=())


def test_a_table_corpus_is_shared_only_if_its_options_allow_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("private_remote: ''\n", encoding="utf-8")
    recipe = {"plugin": "table", "options": {"licence": "CC0-1.0", "public": True}}
    write_json(Path("data/manifest/mine/0.json"), {"recipe": recipe})
    assert check_sharing() == {"mine": "CC0-1.0"}
    write_json(Path("data/manifest/mine/0.json"), {"recipe": recipe | {"options": {}}})
    with pytest.raises(InputError, match=r"mine has data in this project and must not be shared \(not stated\)"):
        check_sharing()
