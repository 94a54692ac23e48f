"""The smallest workflow with every phase, and what it makes."""

import shutil
from pathlib import Path

import yaml
from conftest import ROOT, Project

from emospace.provenance import sha256


def smallest() -> dict:
    """A config with every phase: two features of three dialogues, one of them with (random) weights, and two runs."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    corpora = {"demo": {"parts": 3, "options": {"expect_counts": False}, "generate": {"sessions": 3, "dialogues": 1}}}
    runs = {"probe": {"model": "linear_probe", "protocol": "session", "inputs": ["audio.mfcc"]}}
    runs["probe_text"] = runs["probe"] | {"inputs": ["text.clip"]}
    return config | {
        "corpora": corpora,
        "views": {"frames": {"frames": 1, "size": 64}},
        "weights": {"drawn": {"source": "random"}},
        "features": {"audio.mfcc": {}, "text.clip": {"weights": "drawn", "model": "ViT-S-32-alt"}},
        "protocols": {"session": {"corpus": "demo", "split": "session", "labels": "iemocap4", "folds": 3}},
        "runs": runs,
    }


def copy(project: Project, folder: Path) -> Project:
    """Another working copy with everything as it is, time stamps too."""
    other = Project.__new__(Project)
    other.folder = folder
    shutil.copytree(project.folder, folder, symlinks=True)
    return other


def contents(project: Project) -> dict[str, str]:
    folders = [project.folder / name for name in ("data", "models", "results")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(project.folder)): sha256(path) for path in files}
