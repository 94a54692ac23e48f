"""What a plan knows of a corpus from its table alone: labels, licence, groups; and what it notices of its changes."""

from pathlib import Path

import pytest
from conftest import shipped, utterance

from emospace.core import manifest
from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.corpora import table
from emospace.plan.plan import Plan
from emospace.plan.raw_files import HASH_AT_SIGHT, by_part, fingerprint, look
from emospace.protocols.splits import table as split
from workflow_scripts.check_sharing import check_sharing

HEADER = "path,speaker,label,text\n"


@pytest.fixture
def corpus(tmp_path, monkeypatch) -> Path:
    """Two speakers, a file each, three labels; the working directory is beside it."""
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


def test_labels_are_those_of_the_table_unless_a_map_says_otherwise(corpus):
    plan = Plan(config())
    own = {label: label for label in ("calm", "glad", "sad")}
    assert plan.labels("p") == {"mine": {"name": "own", "map": own}}
    told = read_json(plan.recipe("merge_manifest", "mine"))["about"]
    assert (told["codes"], told["licence"], told["public"]) == (own, "CC0-1.0", False)
    assert Plan(config(labels="two")).labels("p")["mine"]["map"] == {"sad": "low", "glad": "high"}


def test_a_map_with_a_label_that_the_table_does_not_have_is_refused(corpus):
    with pytest.raises(InputError, match=r"map 'wrong' has 'gald', which is no code of mine. did you mean 'glad'"):
        Plan(config(labels="wrong"))


def test_one_label_is_no_task(corpus):
    (corpus / "labels.csv").write_text(f"{HEADER}a.wav,a,sad,\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"its only label is 'sad'. a protocol needs at least two"):
        Plan(config())


def test_a_broken_table_is_refused_when_planned(corpus):
    (corpus / "labels.csv").write_text("path,speaker,emotion\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"labels.csv: line 1: it has no column 'label'.*columns: \{label: emotion\}"):
        Plan(config())


def test_a_corpus_that_is_not_here_has_the_labels_of_its_manifest(corpus):
    before = {key: path.read_bytes() for key, path in Plan(config()).recipes.items()}
    corpus.rename("elsewhere")
    with pytest.raises(InputError, match="its labels are not known: the corpus is not there"):
        Plan(config())
    write_json(Path("data/manifest/mine.json"), {"codes": dict.fromkeys(("calm", "glad", "sad"), "")} | {"rows": 6})
    after = Plan(config()).recipes
    changed = {key for key, path in after.items() if path.read_bytes() != before[key]}
    assert changed <= {("merge_manifest", "mine")}  # the names of codes, which are made up here


def test_every_part_reads_the_table_and_each_its_own_media(corpus):
    def seen() -> list[dict]:
        group = table.grouping(corpus)
        return [
            files for _, files, _ in by_part(look(str(corpus), Path("state"), group, {}, {}), ["0", "1"], group, {})
        ]

    first, second = seen()
    assert (set(first), set(second)) == ({"labels.csv", "a.wav"}, {"labels.csv", "b.wav"})
    with open(corpus / "labels.csv", "a", encoding="utf-8") as handle:
        handle.write("a.wav,a,calm,more\n")
    assert seen()[0]["labels.csv"] != first["labels.csv"] and seen()[1]["b.wav"] == second["b.wav"]


def test_a_table_of_any_size_is_known_by_its_content(tmp_path):
    for name in ("labels.csv", "labels.CSV", "db.parquet"):
        (tmp_path / name).write_bytes(b"x" * (HASH_AT_SIGHT + 1))
        assert not fingerprint(tmp_path / name).startswith("size")


def test_a_manifest_without_official_sides_is_as_it_ever_was(tmp_path):
    path, rows = tmp_path / "mine.csv", [utterance("a_1"), utterance("a_2")]
    manifest.write(path, rows)
    assert path.read_text(encoding="utf-8").splitlines()[0].endswith(",part") and manifest.read(path) == rows
    rows[1] = utterance("a_2", split="dev")
    manifest.write(path, rows)
    assert path.read_text(encoding="utf-8").splitlines()[0].endswith(",part,split") and manifest.read(path) == rows
    path.write_text(path.read_text(encoding="utf-8").replace("part,split", "part,side"), encoding="utf-8")
    with pytest.raises(InputError, match="'side', which no manifest has"):
        manifest.read(path)


def test_without_a_table_the_split_is_the_one_of_the_corpus():
    rows = [utterance("a_1", split="train"), utterance("a_2", split="test"), utterance("a_3")]
    assert split.split(rows, 1, known=()) == [[("train",), ("test",), ()]]
    with pytest.raises(InputError, match="a corpus has one official split"):
        split.check(3, ["train"])
    split.check(1, ["train"])
    with pytest.raises(InputError, match="no row of the corpus has a side"):
        split.split([utterance("a_1")], 1, known=())


def test_a_table_is_shared_only_if_its_options_say_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("private_remote: ''\n", encoding="utf-8")
    recipe = {"plugin": "table", "options": {"licence": "CC0-1.0", "public": True}}
    write_json(Path("data/manifest/mine/0.json"), {"recipe": recipe})
    assert check_sharing() == {"mine": "CC0-1.0"}
    write_json(Path("data/manifest/mine/0.json"), {"recipe": recipe | {"options": {}}})
    with pytest.raises(InputError, match=r"mine is here, and may not be shared \(not stated\)"):
        check_sharing()
