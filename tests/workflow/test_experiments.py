"""A `dvc exp` experiment trains the model that its options ask for; DVC shows and compares its metrics and plots.

Covers: plan/config_files.
"""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from _machines import ADOPT, contents, copy
from conftest import ROOT, Project

from emospace.plan.adopt import PHASES
from emospace.plan.config_files import complete
from emospace.plan.plan import Plan

TUNED = "config.yaml:+runs.probe_text.shrinkages=[]"
MFCC = "config.yaml:++features={audio.mfcc:{coefficients:13}}"  # Hydra cannot address a key with a dot otherwise
ME = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def from_json(project: Project, *command: str) -> dict:
    """Run a DVC command and parse its JSON, which is the last line of output."""
    return json.loads(project.run("dvc", *command, "--json").stdout.splitlines()[-1])


def sidecar(project: Project, path: str) -> dict:
    return json.loads((project.folder / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tuned(origin, tmp_path_factory) -> Project:
    """A project in which one experiment ran in the workspace."""
    project = copy(origin, tmp_path_factory.mktemp("tuned") / "project")
    shutil.rmtree(project.folder / "logs")
    project.run("dvc", "exp", "run", "-n", "tuned", "-S", TUNED, **ME)
    return project


@pytest.mark.workflow
def test_an_experiment_runs_what_its_option_changes_and_gives_the_right_model(tuned, origin):
    logs = {path.name.removesuffix(".log") for path in (tuned.folder / "logs").iterdir() if path.suffix in ("", ".log")}
    assert logs == {"train", "evaluate", "summarize", "make_report"}
    for run, options in {"probe": {}, "probe_text": {"shrinkages": []}}.items():
        made = [sidecar(tuned, f"results/demo/runs/{run}/fold{k}-1/run.json") for k in range(3)]
        assert [record["recipe"]["options"] for record in made] == [options] * 3
    assert all("C" in record["facts"] for record in made)  # without shrinkages, only logistic regression is left
    assert "up to date" in tuned.run("dvc", "status").stdout
    assert tuned.planned(*PHASES) == {}


@pytest.mark.workflow
def test_dvc_shows_and_compares_experiments(tuned, origin):
    before, after = (json.loads((p.folder / "results/demo/metrics.json").read_text()) for p in (origin, tuned))
    assert before["probe"] == after["probe"] and before["probe_text"] != after["probe_text"]
    changed = from_json(tuned, "metrics", "diff")["results/demo/metrics.json"]
    for name, cell in after["probe_text"].items():
        if cell["value"] != before["probe_text"][name]["value"]:
            expected = {"old": before["probe_text"][name]["value"], "new": cell["value"]}
            assert changed[f"probe_text.{name}.value"].items() >= expected.items()
    assert changed and all(key.startswith("probe_text.") for key in changed)
    assert from_json(tuned, "params", "diff") == {
        "config.yaml": {"runs.probe_text.shrinkages": {"old": None, "new": "[]"}}
    }
    rows = list(csv.DictReader(io.StringIO(tuned.run("dvc", "exp", "show", "--csv").stdout)))
    row = next(row for row in rows if row["Experiment"] == "tuned")
    assert float(row["probe_text.UA.value"]) == after["probe_text"]["UA"]["value"]
    assert row["runs.probe_text.shrinkages"] == "[]"


def test_the_documented_overrides_fit_the_shipped_config(tmp_path, monkeypatch):
    from dvc.utils.hydra import apply_overrides

    monkeypatch.chdir(tmp_path)
    before = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    overrides = re.findall(r"-S 'config\.yaml:(.+)'", (ROOT / "docs/dvc.md").read_text(encoding="utf-8"))
    assert len(overrides) == 3
    for override in overrides:
        file = Path(shutil.copy(ROOT / "config.yaml", tmp_path))
        apply_overrides(file, [override])
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert config != before and Plan(complete(config))


@pytest.mark.workflow
def test_dvc_plots_the_predictions_and_the_training_of_every_run(tuned, tmp_path):
    found = from_json(tuned, "plots", "diff", "HEAD", "workspace")
    assert "errors" not in found
    names = {f"{kind}/{run}" for kind in ("confusion", "training") for run in ("probe", "probe_text")}
    plots = {path.removeprefix("results/demo/plots/").partition(".")[0]: shown for path, shown in found["data"].items()}
    assert plots.keys() == names

    def values(name: str, revision: str) -> list[dict]:
        every = [row for shown in plots[name] for row in shown["content"]["data"]["values"]]
        return [row for row in every if row["rev"] == revision]

    assert [len(values("training/probe_text", revision)) for revision in ("HEAD", "workspace")] == [8, 4]
    table = tuned.folder / "results/demo/evaluation/probe_text/predictions.csv"
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    drawn = values("confusion/probe_text", "workspace")
    assert [(d["label"], d["predicted"]) for d in drawn] == [(r["label"], r["predicted"]) for r in rows]
    history = tuned.folder / "results/demo/runs/probe_text"
    dev = [float(next(csv.DictReader(p.open()))["dev_ua"]) for p in sorted(history.glob("*/history.csv"))]
    assert float(values("training/probe_text", "workspace")[0]["dev_ua"]) == pytest.approx(sum(dev) / 3, abs=1e-6)
    tuned.run("dvc", "plots", "diff", "HEAD", "--out", str(tmp_path))
    assert "vega" in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.workflow
def test_an_experiment_that_is_applied_can_be_adopted_and_branched(tuned, origin, tmp_path):
    project = copy(tuned, tmp_path / "project")
    made = contents(project)
    project.run("git", "checkout", "-q", ".")
    project.run("dvc", "checkout")
    assert contents(project) == contents(origin)
    assert project.planned()["train"] == 3  # time stamps alone show nothing
    project.run("dvc", "exp", "apply", "tuned", **ME)
    assert contents(project) == made
    project.run(*ADOPT)
    assert project.planned(*PHASES) == {}
    project.run("dvc", "exp", "branch", "tuned", "kept", **ME)
    config = yaml.safe_load(project.run("git", "show", "kept:config.yaml").stdout)
    assert config["runs"]["probe_text"]["shrinkages"] == []


@pytest.mark.slow
@pytest.mark.workflow
def test_an_experiment_in_another_folder_gives_the_right_model_too(origin, tmp_path):
    """In a temporary folder it trusts no artifact and rebuilds everything; the workspace stays unchanged."""
    project = copy(origin, tmp_path / "project")
    project.run("dvc", "exp", "run", "--temp", "-n", "narrow", "-S", MFCC, **ME)
    assert contents(project) == contents(origin) and "up to date" in project.run("dvc", "status").stdout
    project.run("dvc", "exp", "apply", "narrow", **ME)
    assert sidecar(project, "data/features/demo/audio.mfcc/0.json")["recipe"]["options"] == {"coefficients": 13}
    before, after = contents(origin), contents(project)
    differ = {path for path, digest in after.items() if before.get(path) != digest}
    assert {f"results/demo/runs/probe/fold{k}-1/model.safetensors" for k in range(3)} <= differ
    same = ("data/manifest", "data/views", "data/features/demo/text", "weights", "results/demo/runs/probe_text")
    assert not [path for path in differ if path.startswith(same)]
    project.run(*ADOPT)
    assert project.planned(*PHASES) == {}
