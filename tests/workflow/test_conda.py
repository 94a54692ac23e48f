"""`snakemake --use-conda` runs every rule in its environment, created by a conda stand-in (see docs/conda.md)."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from _augmented import augmented, small, tiny_weights
from _environments import UNCALLED, environments, held, imported, normal, pins
from _machines import ADOPT, PHASES, build, contents, copy
from conftest import ROOT, Project, shipped

from emospace.core import plugin

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(3600)]
ENVS = sorted((ROOT / "envs").glob("*.yaml"))
PROGRAMS = {"media": ["ffmpeg", "ffprobe", "espeak-ng"]}

WITNESS = """
import json, os, sys

if "WITNESS" in os.environ:
    with open(os.environ["WITNESS"], "a") as handle:
        handle.write(json.dumps([sys.prefix, *sys.orig_argv[1:3]]) + "\\n")
"""


@pytest.fixture(scope="session")
def conda(conda_tools, tmp_path_factory) -> dict[str, str]:
    """Environment variables that make the stand-in `conda`, with a channel built from the installed packages.

    The machine's own programs fail there, so a job can only use those of its environment.
    """
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the stand-in's channel holds the Python that runs here; envs/*.yaml ask for 3.11")
    folder = tmp_path_factory.mktemp("conda")
    bare = folder / "bare"
    bare.mkdir()
    for program in PROGRAMS["media"]:
        (bare / program).write_text("#!/bin/sh\nexit 97\n")
        (bare / program).chmod(0o755)
    here = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    python = standing_in(folder / "venv")
    subprocess.run(["bash", conda_tools / "setup.sh", folder], check=True, env=os.environ | {"PATH": here})
    channel, site = folder / "channels/conda-forge", sysconfig.get_path("purelib")
    command = [python, ROOT / "tests/conda/channel.py", channel, site, *ENVS]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(conda_tools)})
    return {
        "PATH": os.pathsep.join([f"{folder}/root/bin", str(bare), here]),
        "CONDA_STANDIN_PYTHON": str(python),
        "CONDA_CHANNEL_ALIAS": f"file://{folder}/channels",
        "CONDA_PKGS_DIRS": f"{folder}/packages",
    }


def standing_in(venv: Path) -> Path:
    """Create the stand-in's Python before its setup script does, so that all its scripts run through leave.py."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python, itself = venv / "bin/python", venv / "bin/itself"
    itself.symlink_to(python.resolve())
    python.unlink()
    command = shlex.join([str(itself), str(ROOT / "tests/conda/leave.py")])
    python.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    python.chmod(0o755)
    return python


@pytest.fixture(scope="session")
def created(conda, tmp_path_factory) -> dict[str, Path]:
    """Map the name of each file in envs/ to the environment that Snakemake created from it."""
    project, prefix = build(tmp_path_factory.mktemp("creates it's")), tmp_path_factory.mktemp("envs")
    project.snakemake("--use-conda", "--conda-prefix", str(prefix), "--conda-create-envs-only", **conda)
    text_of = {path.read_text(): path.stem for path in ENVS}
    return {text_of[path.read_text()]: path.with_suffix("") for path in prefix.glob("*.yaml")}


def within(created: dict[str, Path]) -> list[str]:
    """Options that make Snakemake run its jobs in these environments."""
    return ["--use-conda", "--conda-prefix", str(next(iter(created.values())).parent)]


def inside(folder: Path, code: str) -> str:
    """Run code with an environment's Python in the project folder; return its output."""
    command = [folder / "bin/python", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", [path.stem for path in ENVS])
def test_an_environment_is_created_with_its_pins_and_its_scripts_can_be_imported(name, created):
    code = "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    versions = {normal(k): v.split("+")[0] for k, v in json.loads(inside(created[name], code)).items()}
    for package in held(name) & pins().keys():
        assert versions[package] == pins()[package], package
    scripts = [script for script, where in environments().items() if where == name]
    modules = set().union(*(imported(script) - UNCALLED.get(script, set()) for script in scripts))
    first = (
        "from emospace.core import torchvision_shim; torchvision_shim.ensure(); " if "torchvision" in held(name) else ""
    )
    inside(created[name], f"{first}import {', '.join([*sorted(modules), *(f'workflow_scripts.{s}' for s in scripts)])}")
    assert all((created[name] / "bin" / program).exists() for program in PROGRAMS.get(name, []))


def without_conda(folder: Path) -> dict[str, str]:
    """Variables that hide an installed conda from every shell, both the program and the shell function."""
    folder.mkdir()
    for name in ("bash", "sh", "which"):  # programs that Snakemake itself calls
        (folder / name).symlink_to(shutil.which(name))
    (folder / "snakemake").symlink_to(Path(sys.executable).with_name("snakemake"))
    functions = {name: "" for name in os.environ if name.startswith("BASH_FUNC_conda")}
    return functions | {"PATH": str(folder), "BASH_ENV": ""}


def test_without_conda_it_is_said_what_to_install(project, tmp_path):
    hidden = without_conda(tmp_path / "programs")
    done = project.run("snakemake", "-n", "--cores", "8", "--use-conda", check=False, **hidden)
    assert done.returncode == 1 and "install Miniforge" in done.stdout and "Traceback" not in done.stdout
    assert project.planned()["make_demo"] == 1  # without --use-conda, conda is not needed


def test_with_conda_or_without_nothing_is_made_again(origin, conda, tmp_path):
    """Artifacts made without conda are up to date with it, also after adoption; tests below compare their bytes."""
    here = copy(origin, tmp_path / "here")
    assert here.planned("--use-conda", *PHASES, **conda) == {}
    shutil.rmtree(here.folder / ".snakemake/metadata")
    here.run(*ADOPT)
    assert here.planned("--use-conda", *PHASES, **conda) == {}


# The whole demo ----------------------------------------------------------------------------------------------------


def every_rule(weights: dict[str, dict]) -> dict:
    """Return a config with a job for every rule: three dialogues in one part, all views, one network, one probe."""
    base = shipped("config.yaml")
    speech = shipped("configs/ablation_demo.yaml")
    config = augmented(small(base), weights)
    config["corpora"]["demo"]["parts"] = 1
    config["views"] = config["views"] | {"audio_tts": speech["views"]["audio_tts"]}
    config["weights"]["whisper_tiny_en"] = speech["weights"]["whisper_tiny_en"]
    config["features"] |= {"audio_tts.mfcc": {}, "text.clip": config["features"]["frames.clip"]}
    config["features"]["frames.top"] = base["features"]["frames.top"] | {"k": 1}
    inputs = ["audio.mfcc", "frames.clip", "frames.top", "text.sbert"]
    unified = {"model": "unified", "protocol": "session", "inputs": inputs, "epochs": 2}
    learns = {"augment": ["audio_tts", "text_bt"]}
    return config | {"runs": {"probe": base["runs"]["probe"], "unified": unified | learns}}


TARGETS = ["report", "augment", "export"]


@pytest.fixture(scope="session")
def config(tmp_path_factory) -> dict:
    return every_rule(tiny_weights(tmp_path_factory.mktemp("weights")))


@pytest.fixture(scope="session")
def deployed(conda, created, config, tmp_path_factory) -> Project:
    """A project built by jobs in the environments, without a network after the weights were fetched."""
    project = Project(tmp_path_factory.mktemp("deployed it's"))
    project.configure(config)
    for folder in created.values():
        (folder / "lib/python3.11/site-packages/sitecustomize.py").write_text(WITNESS)
    conda = conda | {"WITNESS": str(project.folder / "jobs.txt")}
    where = within(created)
    project.snakemake(*where, "weights", **conda)
    offline = ["unshare", "--net"] if may_unshare() else []
    project.run(*offline, "snakemake", "--cores", "8", *where, *TARGETS, **conda)
    return project


def may_unshare() -> bool:
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def plain(config, tmp_path_factory) -> Project:
    """The same project, built without conda."""
    project = Project(tmp_path_factory.mktemp("plain"))
    project.configure(config)
    project.snakemake(*TARGETS)
    return project


@pytest.mark.slow
def test_every_script_ran_in_its_own_environment_and_nowhere_else(deployed, created):
    lines = map(json.loads, (deployed.folder / "jobs.txt").read_text().splitlines())
    ran = {(script.removeprefix("workflow_scripts."), prefix) for prefix, _, script in lines if "workflow_" in script}
    of_subsets = ("analyse", str(created[plugin.find("analyses", "subsets").ENVIRONMENT]))
    assert ran == {(script, str(created[name])) for script, name in environments().items()} | {of_subsets}


@pytest.mark.slow
def test_no_job_but_the_fetching_of_weights_needs_a_network(deployed):
    if not may_unshare():
        pytest.skip("unshare --net is not allowed here: the jobs ran with the machine's network")
    assert (deployed.folder / "results/demo/report.html").exists()


@pytest.mark.slow
def test_the_results_are_those_without_conda_to_the_byte(deployed, plain):
    assert contents(deployed) == contents(plain)


@pytest.mark.slow
def test_a_second_run_does_nothing(deployed, conda, created):
    where = within(created)
    assert deployed.planned(*where, *TARGETS, **conda) == {}
    assert deployed.planned(*TARGETS) == {}  # nor does a plan without conda


@pytest.mark.slow
def test_the_demo_as_it_is_shipped_runs_in_environments(conda, created, tmp_path):
    """Run the README's command on the whole corpus, with all folds and runs."""
    demo = Project(tmp_path)
    demo.run("snakemake", "--cores", "8", *within(created), **conda)
    runs = shipped("config.yaml")["runs"]
    table = (demo.folder / "results/demo/result.txt").read_text(encoding="utf-8")
    assert all(re.search(rf"^{run}\W", table, re.M) for run in runs)
    assert demo.planned() == {}
