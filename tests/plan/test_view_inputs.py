"""A model may read views (frames and texts) directly, in every step from the plan to the analysis."""

import pytest
from _machines import smallest
from conftest import Project

from emospace.core.provenance import read_json

LOOKER = """import numpy as np

from emospace.core.data import Output, Trained

INPUTS = ("view",)
DETERMINISTIC = True
SUBSETS = True
EMBEDDINGS = True


def train(fold):
    counts = np.bincount(fold.train.label, minlength=len(fold.classes))
    return Trained({"share": counts / counts.sum()}, fold.classes)


def apply(trained, rows):
    assert all(isinstance(jpeg, bytes) for row in rows.inputs["frames"] for jpeg in row)
    counts = [[len(jpegs), len(text)] for jpegs, text in zip(rows.inputs["frames"], rows.inputs["text"], strict=True)]
    shares = np.tile(trained.state["share"], (len(rows), 1))
    return Output(shares.astype(np.float32), np.array(counts, np.float32).reshape(-1, 2))
"""


@pytest.mark.slow
@pytest.mark.workflow
def test_a_model_reads_views_from_the_plan_to_the_analysis(tmp_path):
    project, config = Project(tmp_path), smallest()
    (project.folder / "emospace/models/looker.py").write_text(LOOKER, encoding="utf-8")
    config["features"] = {"audio.mfcc": {}}
    config["weights"] = {}
    looker = {"model": "looker", "protocol": "session", "inputs": ["frames", "text"]}
    project.configure(config | {"runs": {"probe": config["runs"]["probe"], "looker": looker}})
    project.snakemake("analyse", "evaluation")
    folder = project.folder / "results/demo/runs/looker/fold0-1"
    assert read_json(folder / "run.json")["missing"] == []
    facts = read_json(project.folder / "results/demo/analyses/looker/subsets/analysis.json")["facts"]
    assert facts == {"unlike stored": 0, "every subset": True}
    code = read_json(folder / "run.json")["recipe"]["code"]
    assert "emospace/views/_reading.py" in code and "emospace/views/frames.py" not in code
