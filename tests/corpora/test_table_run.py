"""A table of a few clips through the workflow: no Python, no label map, its own split, an edit of one line."""

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
    told = [(speaker, label, k) for speaker in SPEAKERS for label in PITCH for k in range(2)]
    made = [
        {"file": f"wav/{s}_{label}_{k}.wav", "speaker": s, "emotion": label, "split": SIDES[s]} for s, label, k in told
    ]
    return [*made, made[0] | {"file": "wav/lost.wav"}]


def write(folder, found: list[dict]) -> None:
    with open(folder / "labels.csv", "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(found[0]))
        writer.writeheader()
        writer.writerows(found)


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
def made(tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("table") / "project"
    (folder / "clips/wav").mkdir(parents=True)
    project = Project(folder)
    rng = np.random.default_rng(1)
    for line in lines()[:-1]:
        steps = np.arange(RATE) / RATE * 2 * np.pi * PITCH[line["emotion"]]
        soundfile.write(folder / "clips" / line["file"], np.sin(steps) / 4 + rng.normal(size=RATE) / 50, RATE)
    write(folder / "clips", lines())
    project.configure(config())
    project.snakemake("--quiet", "all", "--", "evaluation")
    return project


def test_a_table_becomes_numbers(made):
    meta = read_json(made.folder / "results/demo/evaluation/probe/metrics.json")["meta"]
    assert (meta["n"], meta["classes"]) == (4, ["high", "low"])
    sides = {(r["speaker"], r["split"]) for r in read_csv(made.folder / "results/demo/protocols/official/fold0.csv")}
    assert sides == set(SIDES.items())
    about = read_json(made.folder / "data/manifest/mine.json")
    assert about["codes"] == {"high": "high", "low": "low"} and about["rows"] == 16
    quality = read_csv(made.folder / "data/manifest/mine.quality.csv")
    assert [row["detail"] for row in quality] == ["labels.csv, line 18: no such file"]
