"""The packages that conda environments contain, and the modules that the jobs in them import."""

import ast
import re
import sys
from pathlib import Path

import yaml
from conftest import ROOT

from emospace.core import plugin
from emospace.core.own_code import PACKAGES, closure

# Name on conda-forge -> name on PyPI, where they differ.
PYPI = {"pytorch": "torch", "pysoundfile": "soundfile", "soxr-python": "soxr", "matplotlib-base": "matplotlib"}
# Script -> folder of the plug-ins that it loads by name.
PLUGINS = {"train": "models", "apply_train": "models"}
PLUGINS |= dict.fromkeys(["make_demo", "index_part", "merge_manifest"], "corpora")
# Script -> modules imported only inside functions that the script never calls.
UNCALLED = {
    "export_arrays": {"rapidfuzz"},
    "extract_view text": {"soundfile", "av"},  # reads audio from stores only
    "extract_view words": {"soundfile", "av"},
    "augment_view audio_tts.recognised": {"soundfile", "av"},
    "augment_view audio_tts.heard": {"soundfile", "av"},
    "score_view text_bt": {"rapidfuzz"},
}
# Evaluation and report read the results of training, but never a model.
UNCALLED |= {script: {"safetensors"} for script in ("evaluate", "summarize", "make_report")}
# Extras: a user installs them along with the plug-in that needs them (requirements-extra.txt).
UNCALLED |= {script: {"xgboost"} for script in ("train", "apply_train")}
UNCALLED |= {script: {"audformat", "h5py", "iso639"} for script in ("make_demo", "index_part", "merge_manifest")}
UNCALLED |= {"embed table": {"pyarrow"}, "embed egemaps": {"opensmile"}, "embed compare": {"opensmile"}}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    return {normal(name): version.strip() for name, version in lines}


def environments() -> dict[str, str]:
    """Map each script of workflow_scripts to the environment in which its rules run."""
    pairs = set()
    for path in (ROOT / "rules").glob("*.smk"):
        pairs |= set(
            re.findall(r'envs/(\w+|\{[^}]+\})\.yaml".*?-m workflow_scripts\.(\w+)', path.read_text(), re.DOTALL)
        )
    assert len(dict.fromkeys(script for _, script in pairs)) == len(pairs)
    return {script: name for name, script in pairs if not name.startswith("{")}  # a view names its own


def held(name: str) -> set[str]:
    """PyPI names of all packages that an environment lists."""
    lines = yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())["dependencies"]
    names = [d.split("=")[0] for d in lines if isinstance(d, str)]
    names += [d.split("==")[0] for block in lines if isinstance(block, dict) for d in block["pip"]]
    return {normal(PYPI.get(n, n)) for n in names}


def imported(script: str) -> set[str]:
    """Third-party modules that a script, its plug-ins and the project modules they import may import."""
    kind = PLUGINS.get(script)
    plugins = [plugin.module_name(kind, name) for name in plugin.names(kind)] if kind else []
    files = closure(f"workflow_scripts.{script}", *plugins)
    return of_others(files)


def of_others(files) -> set[str]:
    """Third-party modules that any of these files imports."""
    found = set().union(*(statements(path) for path in files if path.suffix == ".py"))
    return found - set(sys.stdlib_module_names) - set(PACKAGES)


def statements(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports, at any depth."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names}
