"""Two configs in one folder: each has its own protocols, runs and tables, and neither touches the other's.

Covers: plan/data_paths, plan/job_arguments, runs/fold_inputs.
"""

import re
import sys
from pathlib import Path

import pytest
import yaml
from _augmented import NAMES, augmented
from _machines import contents, copy, smallest
from conftest import ROOT, Project, shipped

from emospace.core.errors import InputError
from emospace.core.provenance import read_json, write_json
from emospace.plan.adopt import PHASES
from emospace.plan.checkouts import _sidecars
from emospace.runs.fold_inputs import checkpoint_folder
from workflow_scripts import show_result

SHARED = ("data/raw/", "data/manifest/", "data/views/", "data/features/", "data/augmented/", "weights/")
LOCAL = {"source": "local", "path": "somewhere", "files": {"model.safetensors": None}}


def named(name: str) -> dict:
    """Return the demo config under this name, with two augmented views."""
    config = shipped("config.yaml")
    return augmented(config, dict.fromkeys(NAMES, LOCAL)) | {"name": name}


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> dict[str, dict[str, str]]:
    """Name -> file -> log of the job that would write it, for configs that differ only in name."""
    project, logs = Project(tmp_path_factory.mktemp("planned")), {}
    for name in ("one", "other"):
        project.configure(named(name))
        output = project.run("snakemake", "-n", *PHASES, "export", "--cores", "1").stdout
        jobs = re.findall(r"^ +output: (.+)\n +log: (\S+)", output, re.MULTILINE)
        logs[name] = {file: log for outputs, log in jobs for file in outputs.split(", ")}
    return logs


def own(files: dict[str, str]) -> dict[str, str]:
    return {file: log for file, log in files.items() if not file.startswith(SHARED)}


def test_two_configs_share_manifests_weights_views_and_features_and_nothing_else(planned):
    one, other = planned.values()
    assert all(one.get(file) == log for file, log in other.items() if file.startswith(SHARED))
    assert {file.replace("/one/", "/other/") for file in own(one)} == own(other).keys()
    assert len(own(one)) > 200 and not own(one).keys() & own(other).keys()
    kinds = {Path(file).parts[2] for file in own(one) if file.startswith("results/one/")}
    assert kinds > {"protocols", "audit", "augmented", "runs", "evaluation", "plots", "export", "report.html"}


def test_equal_jobs_of_two_configs_do_not_share_a_log(planned):
    """Jobs with the same log block each other and overwrite it."""
    logs = [set(own(files).values()) for files in planned.values()]
    assert len(logs[0]) > 50 and not logs[0] & logs[1]


def test_equal_runs_of_two_configs_have_separate_checkpoints(tmp_path):
    (fold := tmp_path / "fold0.csv").write_text("utterance\n")
    one, again, other = (
        checkpoint_folder({"run": "probe"}, [fold], 1, Path(f"results/{name}/runs/probe/fold0-1"))
        for name in ("one", "one", "other")
    )
    assert one == again != other


def test_replaced_artifacts_are_detected_among_all_files_of_a_config(planned, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in (f for files in planned.values() for f in files if f.endswith(".json")):
        write_json(Path(file), {"recipe": {}, "inputs": {}, "outputs": {}})
    for name, files in planned.items():
        assert {str(path) for path, _ in _sidecars(name, ["demo"])} == {f for f in files if f.endswith(".json")}


def test_the_result_of_the_given_config_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (config := tmp_path / "mine.yaml").write_text(yaml.safe_dump(smallest() | {"name": "mine"}))
    monkeypatch.setattr(sys, "argv", ["show_result", "--configfile", str(config)])
    with pytest.raises(SystemExit, match=r"results/mine/result\.txt: there are no results yet"):
        show_result.main()
    (folder := tmp_path / "results/mine").mkdir(parents=True)
    (folder / "result.txt").write_text(f"a table\n\n{'=' * 100}\n\nits details\n")
    show_result.main()
    assert capsys.readouterr().out.splitlines() == ["a table", "", f"report: {folder}/report.html"]
    config.write_text("seed: 1\n")
    with pytest.raises(InputError, match="no 'name'"):
        show_result.result_folder(config)


@pytest.mark.parametrize(
    "preset", ["config.yaml", *sorted(f"configs/{p.name}" for p in (ROOT / "configs").glob("*.yaml"))]
)
def test_the_result_of_every_preset_has_a_place(preset):
    assert show_result.result_folder(ROOT / preset) == Path("results", shipped(preset)["name"])


@pytest.mark.workflow
def test_two_configs_of_one_corpus_leave_each_other_alone(origin, tmp_path):
    """The second config has a protocol and a run with the same names as the first, but different content."""
    project = copy(origin, tmp_path / "project")
    ours = contents(project)
    first, second = smallest(), smallest() | {"name": "second"}
    second["protocols"]["session"] |= {"split": "random", "leaky": True}
    second["runs"]["probe"]["max_iter"] = 50
    project.configure(second)
    jobs = project.planned(*PHASES)
    assert jobs.keys() - set(PHASES) <= {
        *("make_protocol_session", "audit_protocol", "check_quality", "count_children"),
        *("train", "evaluate", "summarize", "make_report"),
    }
    output = project.make("demo").stdout.splitlines()
    assert output[-1] == f"report: {project.folder}/results/second/report.html"
    assert Path(output[-1].removeprefix("report: ")).exists() and any(line.startswith("probe") for line in output)
    now = contents(project)
    assert {path: now.get(path) for path in ours} == ours
    for path in ("protocols/session/fold0.csv", "summary.csv", "runs/probe/fold0-1/model.safetensors"):
        assert now[f"results/demo/{path}"] != now[f"results/second/{path}"]
    assert read_json(project.folder / "results/second/runs/probe/fold0-1/run.json")["recipe"]["options"]
    assert project.planned() == {}
    project.configure(first)
    assert project.planned(*PHASES) == {}
    assert "up to date" in project.run("dvc", "status").stdout
