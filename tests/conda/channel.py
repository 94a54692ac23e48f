"""Fill a local conda channel with what envs/*.yaml name: packages of an installed Python and programs of this machine.

usage: channel.py CHANNEL SITE_PACKAGES ENV.yaml...    with build_local_channel.py (EMOSPACE_CONDA_TOOLS) on PYTHONPATH
A program is copied from the machine and still uses the machine's libraries.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, distributions
from pathlib import Path

import yaml
from build_local_channel import PH, PYV, RENAME, canonicalize_name, conda_spec, write_conda
from packaging.requirements import Requirement
from rattler.index import index_fs

# Canonical name on PyPI -> name on conda-forge, in addition to those that the builder knows.
RENAME |= {"soxr": "soxr-python", "matplotlib": "matplotlib-base", "huggingface-hub": "huggingface_hub"}
PROGRAMS = {"ffmpeg": (["ffmpeg", "ffprobe"], "-version"), "espeak-ng": (["espeak-ng"], "--version")}
THERE = {"python", "pip"}  # the builder makes them


def wanted(environments: list[str]) -> set[str]:
    """Names of the conda packages that environments list."""
    lines = [line for path in environments for line in yaml.safe_load(Path(path).read_text())["dependencies"]]
    return {line.split("=")[0] for line in lines if isinstance(line, str)} - THERE


def requirements(package: Distribution) -> list[Requirement]:
    """Requirements of a package on this platform, without extras."""
    found = [Requirement(line) for line in package.requires or ()]
    return [r for r in found if not r.marker or r.marker.evaluate({"extra": ""})]


def with_needs(names: set[str], site: str) -> list[Distribution]:
    """Installed distributions with these conda names, and all their dependencies."""
    installed = {canonicalize_name(d.metadata["Name"]): d for d in distributions(path=[site])}
    todo, found = [name for name in installed if RENAME.get(name, name) in names], {}
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = installed[name]
            todo += [canonicalize_name(r.name) for r in requirements(found[name])]
    if missing := names - {RENAME.get(name, name) for name in found}:
        sys.exit(f"not installed: {', '.join(sorted(missing))}")
    return list(found.values())


def stage_file(source: Path, target: Path) -> None:
    """Link or copy an installed file; the shebang of a script becomes the environment's Python."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.parent.name == "bin" and source.read_bytes().startswith(b"#!"):
        target.write_bytes(f"#!{PH}/bin/python\n".encode() + source.read_bytes().split(b"\n", 1)[1])
        target.chmod(0o755)
        return
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def pack(out: str, package: Distribution) -> None:
    """Write the .conda package of an installed distribution."""
    name = canonicalize_name(package.metadata["Name"])
    major, minor = map(int, PYV.split("."))
    needs = [*map(conda_spec, requirements(package)), f"python >={PYV},<{major}.{minor + 1}.0a0"]
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, f"lib/python{PYV}/site-packages")
        for file in package.files:
            if file.suffix != ".pyc" and file.name != "direct_url.json":
                stage_file(Path(file.locate()), Path(os.path.normpath(base / file)))
        version = package.version.split("+")[0]  # like constraints.txt, without local build tags
        write_conda(out, RENAME.get(name, name), version, f"py{PYV.replace('.', '')}_0", needs, folder, "linux-64", [])


def pack_program(out: str, name: str) -> None:
    """Write the .conda package of a program of this machine."""
    commands, ask = PROGRAMS[name]
    said = subprocess.run([commands[0], ask], capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bin").mkdir()
        for command in commands:
            shutil.copy2(shutil.which(command), Path(folder, "bin", command))
        write_conda(out, name, re.search(r"\d+(\.\d+)+", said)[0], "0_host", [], folder, "linux-64", [])


def main(out: str, site: str, *environments: str) -> None:
    names = wanted(list(environments))
    for program in names & PROGRAMS.keys():
        pack_program(out, program)
    for package in with_needs(names - PROGRAMS.keys(), site):
        pack(out, package)
    asyncio.run(index_fs(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
