"""Conda environments have the pins of constraints.txt and contain every package that their scripts import."""

import re
import sys
from functools import cache
from importlib.metadata import packages_distributions

import pytest
import yaml
from _environments import PYPI, UNCALLED, environments, held, imported, normal, of_others, pins, statements
from conftest import ROOT

from emospace.core import plugin
from emospace.core.own_code import PACKAGES, closure
from emospace.plan.recipes import _homes
from emospace.plan.views import Views

UNPINNED = {"python", "pip", "ffmpeg", "espeak-ng"}  # not from PyPI
# Module -> the package that depends on it and installs it.
THROUGH = {
    "ctranslate2": "faster-whisper",
    "cv2": "albumentations",
    "threadpoolctl": "scikit-learn",
    "markupsafe": "jinja2",
}
VIEWS = {"views": {"text_bt": {"chain": ["a"]}, "audio_tts": {"recognise": {"weights": "b"}}, "frames_aug": {}}}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda p: p.stem)
def test_pins_agree(path):
    env = yaml.safe_load(path.read_text())
    assert env["channels"] == ["conda-forge"]
    packages = [d.split("=") for d in env["dependencies"] if isinstance(d, str)]
    assert len(packages) > 3
    for name, *version in packages:
        if name not in UNPINNED:
            assert version == [pins()[normal(PYPI.get(name, name))]], name
    for block in (d for d in env["dependencies"] if isinstance(d, dict)):  # packages that conda-forge lacks
        for name, version in (line.split("==") for line in block["pip"]):
            assert version == pins()[normal(name)], name


def test_every_environment_is_used_and_exists():
    used = {e for p in (ROOT / "rules").glob("*.smk") for e in re.findall(r"\.\./envs/(\w+)\.yaml", p.read_text())}
    used |= {name for name, _ in view_jobs().values()}
    assert used == {p.stem for p in (ROOT / "envs").glob("*.yaml")}


def test_everything_required_is_pinned():
    wanted = (line.strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    missing = [name for name in wanted if name and not name.startswith("#") and normal(name) not in pins()]
    assert not missing


@cache
def brought_by() -> dict[str, set[str]]:
    """Map each module to the PyPI names of the packages that provide it."""
    return {module: {normal(name) for name in names} for module, names in packages_distributions().items()}


def view_jobs() -> dict[str, tuple[str, list[str]]]:
    """Map each job of a view or encoder to (name of its environment, modules that it runs)."""
    views, found = Views(VIEWS), {}
    for view in plugin.names("views"):
        module, script = views.module(view), "augment_view" if views.is_augmented(view) else "extract_view"
        reader = _homes(plugin.find("views", views.reader(view)).read, views.reader(view))
        for name, step in views.steps(view).items():
            code = [script, *_homes(step.make, view), *reader]
            found[f"{script} {view}.{name}".rstrip(".")] = step.environment, code
        if views.is_augmented(view):
            found[f"score_view {view}"] = module.ENVIRONMENT, ["score_view", *_homes(module.score, view)]
    return found | encoder_jobs()


def encoder_jobs() -> dict[str, tuple[str, list[str]]]:
    """Like `view_jobs`, for each encoder with all views that it accepts."""
    found = {}
    for encoder in plugin.names("encoders"):
        module = plugin.find("encoders", encoder)
        readers = {view: plugin.find("views", view) for view in plugin.names("views")}
        taken = {v: r for v, r in readers.items() if getattr(r, "KIND", "") in module.VIEWS}
        code = [home for view, reader in taken.items() for home in _homes(reader.read, view)]
        found[f"embed {encoder}"] = module.ENVIRONMENT, ["embed", plugin.module_name("encoders", encoder), *code]
    return found


@pytest.mark.parametrize("job", view_jobs())
def test_the_environment_of_a_plug_in_holds_what_its_jobs_import(job):
    name, (script, *code) = view_jobs()[job]
    files = closure(f"workflow_scripts.{script}", *code)
    assert lacking(of_others(files), name) == UNCALLED.get(job, set())


def lacking(modules: set[str], name: str) -> set[str]:
    """The modules that an environment does not provide."""
    there, packages = held(name), brought_by()
    return {m for m in modules if not {THROUGH.get(m), *packages.get(m, {m})} & there}


@pytest.mark.parametrize(("script", "name"), sorted(environments().items()))
def test_an_environment_holds_what_its_scripts_import(script, name):
    assert lacking(imported(script), name) == UNCALLED.get(script, set())


def test_every_script_of_a_rule_has_an_environment():
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    views = {job.partition(" ")[0] for job in view_jobs()}
    of_plugins = {"analyse"}  # each analysis plug-in names its environment
    assert set(re.findall(r"-m workflow_scripts\.(\w+)", rules)) == environments().keys() | views | of_plugins


@pytest.mark.parametrize("name", plugin.names("analyses"))
def test_the_environment_of_an_analysis_holds_what_it_imports(name):
    files = closure("workflow_scripts.analyse", f"emospace.analyses.{name}")
    modules = set().union(*(statements(path) for path in files if path.suffix == ".py"))
    there, packages = held(plugin.find("analyses", name).ENVIRONMENT), brought_by()
    applied = {"torch", "safetensors"}  # needed by the run's model if the analysis applies it
    others = modules - set(sys.stdlib_module_names) - set(PACKAGES) - applied
    assert {m for m in others if not {THROUGH.get(m), *packages.get(m, {m})} & there} == set()
