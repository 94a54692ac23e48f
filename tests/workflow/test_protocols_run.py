"""Every kind of protocol works in one run: two corpora, a table, a user's split, a model without a test."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from _machines import contents
from _recordings import recordings
from _results import read_csv
from conftest import Project, shipped

from emospace.core.provenance import read_json

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

BY_LENGTH = '''"""Train on the long ones."""


def split(rows, folds, *, share: float = 0.5):
    order = sorted(range(len(rows)), key=lambda i: rows[i].start - rows[i].end)
    sides = {i: "train" if k < share * len(rows) else ("dev", "test")[k % 2] for k, i in enumerate(order)}
    return [[sides[i] for i in range(len(rows))]]


LEAKY = True
FOLDS = 1
'''
SIDE = {"01": "train", "02": "train", "03": "train", "04": "dev", "05": "test", "06": "test"}
TWO = {"demo": "demo2", "ravdess": "tones2"}


def config() -> dict:
    """Return a config of the demo and of tones with RAVDESS file names, with audio only."""
    options = {"split": "session", "labels": "demo2", "folds": 3}
    tones = {"corpus": "ravdess", "split": "table", "file": "configs/splits/tones.csv", "labels": "tones2"}
    protocols = {
        "across": {"train": ["demo"], "test": ["ravdess"]} | options | {"labels": TWO},
        "mixed": {"corpus": ["demo", "ravdess"], "split": "actors", "labels": TWO, "folds": 3},
        "final": {"train": ["demo"]} | options,
        "filtered": {"corpus": "demo", "rows": {"language": "en", "valence": {"min": 0}}} | options,
        "official": tones,
        "published": tones | {"leaky": True, "file": "configs/splits/leaky.csv"},
        "blind": tones | {"without": ["dev"], "file": "configs/splits/blind.csv"},
        "planted": {"corpus": "demo", "split": "by_length", "labels": "demo2", "share": 0.6, "leaky": True},
    }
    runs = {name: {"model": "linear_probe", "protocol": name, "inputs": ["audio.mfcc"]} for name in protocols}
    runs["fused"] = {"model": "late_fusion", "protocol": "blind", "inputs": ["run:blind"]}
    runs["space"] = {"model": "unified", "protocol": "blind", "inputs": ["audio.mfcc"], "epochs": 3}
    demo = {"parts": 3, "options": {"expect_counts": False}, "generate": {"sessions": 3, "dialogues": 2}}
    return shipped("config.yaml") | {
        "corpora": {"demo": demo, "ravdess": {"root": "corpus", "parts": 2}},
        "labels": {"demo2": {"hap": "happy", "exc": "happy", "sad": "sad"}, "tones2": {"03": "happy", "04": "sad"}},
        "views": {"audio": {}},
        "weights": {},
        "features": {"audio.mfcc": {"leaky": False}},
        "protocols": protocols,
        "runs": runs,
    }


def tables(folder: Path) -> None:
    """Write tables of sides by actor: clean, leaky (a copied row, a test row that is also train), and without dev."""
    ids = sorted(path.stem[3:] for path in (folder / "corpus").rglob("*.wav"))
    lines = [{"utterance": name, "side": SIDE[name[-2:]], "copy": 1} for name in ids]
    (folder / "configs/splits").mkdir(exist_ok=True)
    doubled = [line | {"copy": 1 + (i == 0)} for i, line in enumerate(lines)]
    leak = next(line for line in lines if line["side"] == "test") | {"side": "train"}
    undeveloped = [line for line in lines if line["side"] != "dev"]
    for file, found in (("tones", lines), ("leaky", [*doubled, leak]), ("blind", undeveloped)):
        with open(folder / f"configs/splits/{file}.csv", "w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(lines[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("protocols") / "project"
    folder.mkdir()
    project = Project(folder)
    recordings(folder / "corpus")
    tables(folder)
    (folder / "emospace/protocols/splits/by_length.py").write_text(BY_LENGTH, encoding="utf-8")
    project.configure(config())
    with pytest.MonkeyPatch.context() as variables:
        variables.delenv("EMOSPACE_RAVDESS", raising=False)  # it would replace this corpus
        project.snakemake()
        yield project


def fold(project: Project, protocol: str, number: int = 0) -> dict[str, list[dict]]:
    lines = read_csv(project.folder / f"results/demo/protocols/{protocol}/fold{number}.csv")
    return {side: [line for line in lines if line["split"] == side] for side in ("train", "dev", "test")}


def metrics(project: Project, run: str) -> dict:
    return read_json(project.folder / f"results/demo/evaluation/{run}/metrics.json")


def test_what_is_trained_on_one_corpus_is_tested_on_another(made):
    sides = fold(made, "across")
    assert {line["corpus"] for line in sides["train"] + sides["dev"]} == {"demo"}
    assert {line["corpus"] for line in sides["test"]} == {"ravdess"} and len(sides["test"]) == 24
    assert (metrics(made, "across")["meta"]["n"], metrics(made, "across")["meta"]["corpus"]) == (24, "demo -> ravdess")


def test_features_of_both_corpora_are_read_at_their_own_places(made):
    import numpy as np

    from emospace.core.store import Ragged
    from emospace.runs.folds import read_fold

    base = made.folder / "data/features"
    files = sorted(base.glob("*/audio.mfcc/?.npy"))
    table = made.folder / "results/demo/protocols/mixed/fold1.csv"
    read = read_fold(table, table.parent.with_suffix(".json"), {"x": files})
    for side, lines in fold(made, "mixed", 1).items():
        for i, line in enumerate(lines):
            store = Ragged.open(base / line["corpus"] / "audio.mfcc" / f"{line['part']}.npy")
            np.testing.assert_array_equal(getattr(read, side).inputs["x"][i], store[int(line["row"])])
    assert len(metrics(made, "mixed")["folds"]) == 3


def test_a_model_that_is_not_tested_is_trained_and_reported(made):
    assert (made.folder / "results/demo/runs/final/fold0-1/model.safetensors").exists()
    meta = metrics(made, "final")["meta"]
    assert meta["n"] == 0 and "no test rows" in (made.folder / "results/demo/result.txt").read_text(encoding="utf-8")
    assert "no test rows" in (made.folder / "results/demo/report.html").read_text(encoding="utf-8").lower()


def test_all_shipped_models_train_without_dev_rows(made):
    assert not fold(made, "blind")["dev"]
    for run in ("blind", "fused", "space"):
        assert metrics(made, run)["meta"]["n"] == 8
    facts = read_json(made.folder / "results/demo/runs/space/fold0-1/run.json")["facts"]
    assert (facts["epoch"], facts["dev_ua"]) == (3, None)


def test_leaks_are_marked_where_they_are_declared_and_nowhere_else(made):
    rows = {row["run"]: row for row in read_csv(made.folder / "results/demo/summary.csv")}
    assert {run for run, row in rows.items() if row["leaky"] == "true"} == {"published", "planted"}
    assert {row["leaks"] for row in rows.values()} == {"", "protocol"}
    audit = read_json(made.folder / "results/demo/audit/published.json")
    assert audit["leaks"]["utterance"] == 1 and len(fold(made, "published")["train"]) == 12 + 2
    assert metrics(made, "official")["meta"]["n"] == 8 and metrics(made, "filtered")["meta"]["left_out"]


def test_an_edited_table_makes_its_protocol_again_and_no_other(made):
    assert made.planned() == {}
    made.replace("configs/splits/tones.csv", "train,1", "train,2")
    jobs = made.planned()
    assert jobs.pop("make_protocol_official") == jobs.pop("audit_protocol") == jobs.pop("train") == 1
    assert set(jobs) == {"evaluate", "summarize", "make_report", "all"} and jobs["evaluate"] == 1
    before = contents(made)
    made.replace("configs/splits/tones.csv", "train,2", "train,1")
    assert made.planned() == {} and contents(made) == before


def test_a_leaky_feature_marks_all_that_read_it_and_trains_nothing_again(made):
    found = config()
    found["features"]["audio.mfcc"]["leaky"] = True
    made.configure(found)
    assert set(made.planned()) == {"evaluate", "summarize", "make_report", "all"}
    made.snakemake()
    rows = read_csv(made.folder / "results/demo/summary.csv")
    assert all(row["leaky"] == "true" and "audio.mfcc" in row["leaks"].split() for row in rows)
    report = (made.folder / "results/demo/report.html").read_text(encoding="utf-8")
    assert "audio.mfcc leaks" in report
    made.configure(config())
