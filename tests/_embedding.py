"""The script that embeds, on a view of a few rows."""

import os
import subprocess
import sys

from conftest import ROOT

from emospace.core.provenance import write_json


def step(script: str, folder, recipe: dict, *arguments) -> subprocess.CompletedProcess:
    """Run a step as the workflow does, in `folder`."""
    write_json(folder / "recipe.json", recipe)
    command = [sys.executable, "-m", f"workflow_scripts.{script}", "--recipe", "recipe.json", *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=env, text=True, capture_output=True, check=False)


def embed(folder, encoder: str, kind: str, view: str, *arguments, **options) -> subprocess.CompletedProcess:
    recipe = {"feature": f"{kind}.{encoder}", "plugin": encoder, "reader": kind, "options": options}
    paths = ["--view", view, "--view-sidecar", "view.json", "--manifest", "part.csv", "--out", "f.npy"]
    return step("embed", folder, recipe, *paths, "--sidecar", "f.json", *arguments)
