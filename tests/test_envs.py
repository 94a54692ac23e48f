"""Conda environments pin what constraints.txt pins, and hold all that the scripts run in them import."""

import ast
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from emospace.sources import PACKAGES, closure

# conda-forge's name -> PyPI's, where they differ
PYPI = {"pytorch": "torch", "pysoundfile": "soundfile", "soxr-python": "soxr", "matplotlib-base": "matplotlib"}
UNPINNED = {"python", "pip", "ffmpeg", "espeak-ng"}  # not from PyPI
# Script -> folder of plug-ins that it finds by name.
PLUGINS = {"embed": "encoders", "train": "models", "apply_train": "models", "gate_fold": "gate"}
PLUGINS |= dict.fromkeys(["make_demo", "index_part", "merge_manifest"], "corpora")
# Module -> the package that brings it and gives it to its users.
THROUGH = {"cv2": "albumentations", "threadpoolctl": "scikit-learn", "markupsafe": "jinja2"}
# Script -> what is imported only inside functions that it never calls.
UNCALLED = {
    "export_seed": {"rapidfuzz"},
    "gate_fold": {"PIL", "rapidfuzz"},  # reads scores, makes none
    "recognise_speech": {"soundfile", "av"},  # reads sound from stores only
    "score_text": {"rapidfuzz"},
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    return {normal(name): version.strip() for name, version in lines}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda p: p.stem)
def test_pins_agree(path):
    env = yaml.safe_load(path.read_text())
    assert env["channels"] == ["conda-forge"]
    packages = [d.split("=") for d in env["dependencies"] if isinstance(d, str)]
    assert len(packages) > 3
    for name, *version in packages:
        if name not in UNPINNED:
            assert version == [pins()[normal(PYPI.get(name, name))]], name
    for block in (d for d in env["dependencies"] if isinstance(d, dict)):  # what conda-forge does not have
        for name, version in (line.split("==") for line in block["pip"]):
            assert version == pins()[normal(name)], name


def test_every_environment_is_used_and_exists():
    used = {e for p in (ROOT / "rules").glob("*.smk") for e in re.findall(r"\.\./envs/(\w+)\.yaml", p.read_text())}
    assert used == {p.stem for p in (ROOT / "envs").glob("*.yaml")}


def test_everything_required_is_pinned():
    wanted = (line.strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    missing = [name for name in wanted if name and not name.startswith("#") and normal(name) not in pins()]
    assert not missing


def environments() -> dict[str, str]:
    """Script of workflow_scripts -> name of the environment that its rules run in."""
    pairs = set()
    for path in (ROOT / "rules").glob("*.smk"):
        pairs |= set(re.findall(r'envs/(\w+)\.yaml".*?-m workflow_scripts\.(\w+)', path.read_text(), re.DOTALL))
    assert len(dict.fromkeys(script for _, script in pairs)) == len(pairs)
    return {script: name for name, script in pairs}


def held(name: str) -> set[str]:
    """PyPI's names of all that an environment lists."""
    lines = yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())["dependencies"]
    names = [d.split("=")[0] for d in lines if isinstance(d, str)]
    names += [d.split("==")[0] for block in lines if isinstance(block, dict) for d in block["pip"]]
    return {normal(PYPI.get(n, n)) for n in names}


@cache
def brought_by() -> dict[str, set[str]]:
    """Module -> PyPI's names of the packages that bring it."""
    return {module: {normal(name) for name in names} for module, names in packages_distributions().items()}


def imported(script: str) -> set[str]:
    """Modules of others that a script, its plug-ins and all of ours that these import may import."""
    folder = PLUGINS.get(script)
    plugins = [p.stem for p in (ROOT / f"emospace/{folder}").glob("[!_]*.py")] if folder else []
    files = closure(f"workflow_scripts.{script}", *(f"emospace.{folder}.{name}" for name in plugins))
    found = set().union(*(statements(path) for path in files if path.suffix == ".py"))
    return found - set(sys.stdlib_module_names) - set(PACKAGES)


def statements(path: Path) -> set[str]:
    """Top names of the modules that a file imports anywhere."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize(("script", "name"), sorted(environments().items()))
def test_an_environment_holds_what_its_scripts_import(script, name):
    there, packages = held(name), brought_by()
    missing = {m for m in imported(script) if not {THROUGH.get(m), *packages.get(m, {m})} & there}
    assert missing == UNCALLED.get(script, set())


def test_every_script_of_a_rule_has_an_environment():
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    assert set(re.findall(r"-m workflow_scripts\.(\w+)", rules)) == environments().keys()
