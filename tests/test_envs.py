"""Conda environments pin what constraints.txt pins."""

import re

import pytest
import yaml
from conftest import ROOT

# conda-forge's name -> PyPI's, where they differ
PYPI = {"pytorch": "torch", "pysoundfile": "soundfile", "soxr-python": "soxr", "matplotlib-base": "matplotlib"}
UNPINNED = {"python", "pip", "ffmpeg", "espeak-ng"}  # not from PyPI


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
