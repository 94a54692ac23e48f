"""A small table corpus runs through the workflow without a reader module or label map, with the split of its table."""

import csv

import numpy as np
import pytest
import soundfile
from _results import read_csv
from conftest import Project, shipped

from emospace.core.provenance import read_json

pytestmark = [pytest.mark.workflow]

RATE, PITCH = 8000, {"high": 880, "low": 220}
SPEAKERS = ("anna", "bert", "cleo", "dora")
SIDES = dict(zip(SPEAKERS, ("train", "train", "dev", "test"), strict=True))


def lines() -> list[dict]:
    clips = [(speaker, label, k) for speaker in SPEAKERS for label in PITCH for k in range(2)]
    table = [
        {"file": f"wav/{s}_{label}_{k}.wav", "speaker": s, "emotion": label, "split": SIDES[s]} for s, label, k in clips
    ]
    return [*table, table[0] | {"file": "wav/lost.wav"}]


def write(folder, table: list[dict]) -> None:
    with open(folder / "labels.csv", "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def config() -> dict:
    mine = {
        "reader": "table",
        "root": "clips",
        "parts": 2,
        "options": {"columns": {"path": "file", "label": "emotion"}},
    }
    return shipped("config.yaml") | {
        "corpora": {"mine": mine},
        "views": {"audio": {}},
        "weights": {},
        "features": {"audio.mfcc": {}},
        "protocols": {"official": {"corpus": "mine", "split": "table"}},
        "runs": {"probe": {"model": "linear_probe", "protocol": "official", "inputs": ["audio.mfcc"]}},
    }


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("table") / "project"
    (folder / "clips/wav").mkdir(parents=True)
    project = Project(folder)
    rng = np.random.default_rng(1)
    for line in lines()[:-1]:
        phase = np.arange(RATE) / RATE * 2 * np.pi * PITCH[line["emotion"]]
        soundfile.write(folder / "clips" / line["file"], np.sin(phase) / 4 + rng.normal(size=RATE) / 50, RATE)
    write(folder / "clips", lines())
    project.configure(config())
    project.snakemake("--quiet", "all", "--", "evaluation")
    return project


def test_a_table_corpus_is_evaluated(evaluated):
    meta = read_json(evaluated.folder / "results/demo/evaluation/probe/metrics.json")["meta"]
    assert (meta["n"], meta["classes"]) == (4, ["high", "low"])
    sides = {
        (r["speaker"], r["split"]) for r in read_csv(evaluated.folder / "results/demo/protocols/official/fold0.csv")
    }
    assert sides == set(SIDES.items())
    about = read_json(evaluated.folder / "data/manifest/mine.json")
    assert about["codes"] == {"high": "high", "low": "low"} and about["rows"] == 16
    quality = read_csv(evaluated.folder / "data/manifest/mine.quality.csv")
    assert [row["detail"] for row in quality] == ["labels.csv, line 18: no such file"]
