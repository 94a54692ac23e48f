"""Run the embed script on a view of a few rows."""

import subprocess

from _programs import run_script

from emospace.core.provenance import write_json


def step(script: str, folder, recipe: dict, *arguments) -> subprocess.CompletedProcess:
    """Run a script in `folder` as the workflow does."""
    write_json(folder / "recipe.json", recipe)
    return run_script(script, "--recipe", "recipe.json", *arguments, cwd=folder)


def embed(folder, encoder: str, kind: str, view: str, *arguments, **options) -> subprocess.CompletedProcess:
    recipe = {"feature": f"{kind}.{encoder}", "plugin": encoder, "reader": kind, "options": options}
    paths = ["--view", view, "--view-sidecar", "view.json", "--manifest", "part.csv", "--out", "f.npy"]
    return step("embed", folder, recipe, *paths, "--sidecar", "f.json", *arguments)
