"""A copy of the project and the environment of its programs, for benchmarks and tests."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = ["Snakefile", "config.yaml", "configs", "dvc.yaml", "emospace", "envs", "profiles", "rules", "schemas"]
FILES += ["workflow_scripts", "benchmarks", ".dvc", ".dvcignore", ".gitignore", "Makefile"]
LOCAL = shutil.ignore_patterns("__pycache__", "tmp", "cache")  # the last two are below .dvc


def copy_project(folder: Path) -> None:
    """Copy code and config, but no artifacts, into a folder."""
    for name in FILES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=LOCAL)
        else:
            shutil.copy2(ROOT / name, folder / name)


def environment() -> dict[str, str]:
    """Return this process's variables, with the programs of its Python environment first on PATH."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
